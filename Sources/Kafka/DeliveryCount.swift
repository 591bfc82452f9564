import CRDKafka

/// A record that was refused for good: sending it again as it is changes nothing.
package struct RefusedRecord: Sendable {
    /// The topic that it was sent to.
    package let topic: String
    /// Why it was refused.
    package let error: KafkaError
    /// Its headers, which tell what it was.
    package let headers: [Header]

    /// Whether the record itself, or another one of its batch, is to blame, and not its topic or the client.
    package var isToBlame: Bool {
        switch rd_kafka_resp_err_t(error.code) {
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
            RD_KAFKA_RESP_ERR_INVALID_RECORD, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, RD_KAFKA_RESP_ERR_INVALID_MSG,
            RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
            true
        default: false
        }
    }

    /// Whether a delivery error is of the record or its topic: the state of client and transaction has others.
    static func isRefusal(_ error: KafkaError) -> Bool {
        switch rd_kafka_resp_err_t(error.code) {
        case RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID,
            RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE,
            RD_KAFKA_RESP_ERR_TRANSACTION_COORDINATOR_FENCED, RD_KAFKA_RESP_ERR__STATE, RD_KAFKA_RESP_ERR__FATAL:
            false
        default: error.remedy == .fatal
        }
    }

    /// The value of the first header of that name, as text.
    package func header(_ name: String) -> String? {
        headers.first { $0.name.elementsEqual(name.utf8) }.map { String(decoding: $0.value ?? [], as: UTF8.self) }
    }
}

/// How many messages of a producer have been delivered and have failed, by its delivery reports.
struct DeliveryCount {
    var delivered = 0
    var failed = 0
    /// Why the first message failed. A purge gives way to any other reason: an abort purges what has not been sent.
    var firstError: KafkaError?
    private var firstIsPurge = false
    /// Records that were refused for good, at most `refusedLimit` of them.
    var refused: [RefusedRecord] = []
    private static let refusedLimit = 1000

    /// Counts one delivery report.
    mutating func count(_ report: UnsafePointer<rd_kafka_message_t>) {
        guard report.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR else {
            delivered += 1
            return
        }
        failed += 1
        let topic = report.pointee.rkt.map { String(cString: rd_kafka_topic_name($0)) } ?? ""
        let error = KafkaError(report.pointee.err, operation: "deliver to \(topic)[\(report.pointee.partition)]")
        if RefusedRecord.isRefusal(error), refused.count < Self.refusedLimit {
            refused.append(RefusedRecord(topic: topic, error: error, headers: Self.headers(of: report)))
        }
        let isPurge = [RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT].contains(report.pointee.err)
        guard firstError == nil || firstIsPurge && !isPurge else { return }
        firstIsPurge = isPurge
        firstError = error
    }

    private static func headers(of report: UnsafePointer<rd_kafka_message_t>) -> [Header] {
        var handle: OpaquePointer?
        guard rd_kafka_message_headers(report, &handle) == RD_KAFKA_RESP_ERR_NO_ERROR else { return [] }
        return MessageHeaders(handle: handle).map { Header($0.name, value: $0.value.map { Array($0) }) }
    }
}
