import CRDKafka

/// How many messages of a producer have been delivered and have failed, by its delivery reports.
struct DeliveryCount {
    var delivered = 0
    var failed = 0
    /// Why the first message failed. A purge gives way to any other reason: an abort purges what has not been sent.
    var firstError: KafkaError?
    private var firstIsPurge = false

    /// Counts one delivery report.
    mutating func count(_ report: UnsafePointer<rd_kafka_message_t>) {
        guard report.pointee.err != RD_KAFKA_RESP_ERR_NO_ERROR else {
            delivered += 1
            return
        }
        failed += 1
        let isPurge = [RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT].contains(report.pointee.err)
        guard firstError == nil || firstIsPurge && !isPurge else { return }
        firstIsPurge = isPurge
        let topic = report.pointee.rkt.map { String(cString: rd_kafka_topic_name($0)) } ?? ""
        firstError = KafkaError(report.pointee.err, operation: "deliver to \(topic)[\(report.pointee.partition)]")
    }
}
