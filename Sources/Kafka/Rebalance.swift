import CRDKafka

/// One step of a rebalance as librdkafka announces it; the group waits until it is completed.
struct Rebalance {
    let code: rd_kafka_resp_err_t
    let partitions: [TopicPartition]

    var isAssignment: Bool { code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS }

    /// Takes or gives up the partitions, in the way that the group's protocol wants: cooperative groups change the
    /// assignment by what is named, eager ones replace it.
    ///
    /// - Parameter starts: Where to start; partitions not named start at the committed offset.
    /// - Returns: What went wrong, if anything did; the consumer then owns nothing of what was announced.
    func complete(on handle: OpaquePointer, startingAt starts: [PartitionOffset]) -> KafkaError? {
        let isCooperative = rd_kafka_rebalance_protocol(handle).map { String(cString: $0) } == "COOPERATIVE"
        let operation = isAssignment ? "take partitions" : "give up partitions"
        if isAssignment {
            let start = Dictionary(starts.map { ($0.partition, $0.offset) }) { _, last in last }
            let list = PartitionList(
                partitions.map { PartitionOffset($0, offset: start[$0] ?? PartitionOffset.none) })
            return isCooperative
                ? Self.error(rd_kafka_incremental_assign(handle, list.pointer), operation)
                : Self.error(rd_kafka_assign(handle, list.pointer), operation)
        }
        guard code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS else {
            // A failed rebalance: by the library's contract everything is to be given up.
            rd_kafka_assign(handle, nil)
            return KafkaError(code, operation: "rebalance")
        }
        let list = PartitionList(partitions)
        return isCooperative
            ? Self.error(rd_kafka_incremental_unassign(handle, list.pointer), operation)
            : Self.error(rd_kafka_assign(handle, nil), operation)
    }

    private static func error(_ error: OpaquePointer?, _ operation: String) -> KafkaError? {
        error.map { KafkaError(consuming: $0, operation: operation) }
    }

    private static func error(_ code: rd_kafka_resp_err_t, _ operation: String) -> KafkaError? {
        code == RD_KAFKA_RESP_ERR_NO_ERROR ? nil : KafkaError(code, operation: operation)
    }
}
