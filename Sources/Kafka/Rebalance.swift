import CRDKafka

/// One step of a rebalance as librdkafka announces it; the group waits until it is completed.
struct Rebalance {
    let code: rd_kafka_resp_err_t
    let partitions: [TopicPartition]

    var isAssignment: Bool { code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS }

    /// Assigns or releases the partitions as the group's protocol demands: cooperative groups change the assignment by the
    /// partitions that are named, eager ones replace it.
    ///
    /// - Parameter starts: Where to start; partitions not named start at the committed offset.
    /// - Returns: The error if it fails; the consumer then owns none of the announced partitions.
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
            // A failed rebalance: librdkafka's contract is that everything is unassigned.
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
