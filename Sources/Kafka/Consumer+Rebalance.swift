import CRDKafka

extension Consumer {
    /// Called by librdkafka, inside a poll or a close.
    ///
    /// Inside a poll the C call is in the middle of filling the batch, so the rebalance is only noted and the call
    /// asked to return: then every message in the batch is of the old assignment, and those of partitions that are
    /// given up can be told apart. A close has no batch and does not return before the rebalance is complete.
    func receive(_ rebalance: Rebalance) {
        if isClosing {
            serve(rebalance)
        } else {
            pendingRebalances.append(rebalance)
            rd_kafka_queue_yield(queue)
        }
    }

    /// Serves what the last receive has noted.
    ///
    /// - Returns: The partitions that were given up.
    func servePendingRebalances() -> Set<TopicPartition> {
        guard !pendingRebalances.isEmpty else { return [] }
        var revoked: Set<TopicPartition> = []
        for rebalance in pendingRebalances {
            serve(rebalance)
            if !rebalance.isAssignment { revoked.formUnion(rebalance.partitions) }
        }
        pendingRebalances.removeAll()
        return revoked
    }

    private func serve(_ rebalance: Rebalance) {
        isServingRebalance = true
        defer { isServingRebalance = false }
        var starts: [PartitionOffset] = []
        if rebalance.isAssignment {
            hasBeenAssigned = true
            starts = rebalanceHandler?.assigned(rebalance.partitions, consumer: self) ?? []
        } else if isAssignmentLost {
            rebalanceHandler?.lost(rebalance.partitions, consumer: self)
        } else {
            rebalanceHandler?.revoked(rebalance.partitions, consumer: self)
        }
        if let error = rebalance.complete(on: client.handle, startingAt: starts) { errorsToReport.append(error) }
    }
}
