import Kafka

/// The commit cycle: what was processed lasts, or is processed again.
extension StreamThread {
    /// Makes what was processed last. What a passing error leaves undone is tried again at the next interval; the last
    /// time there is no next one, and it is an error.
    func commit(isLast: Bool = false) throws {
        lastCommit = .now
        if hasFailed || mustGoBack { return }
        var due = tasks.values.filter { $0.uncommitted > 0 }.sorted { $0.partition < $1.partition }
        // Records of a checkpoint are committed with the offset of a partition too, so that a former owner is refused.
        if hasPublishedRecords, let task = checkpointRun?.task ?? tasks.values.first(where: { !$0.isRestoring }),
            !due.contains(where: { $0 === task })
        {
            due.append(task)
        }
        guard !due.isEmpty else { return }
        let begun = monotonicNanoseconds()
        do throws(KafkaError) {
            try cycle.commit(
                due.map { PartitionOffset($0.partition, offset: $0.next) }, of: consumer,
                timeoutMilliseconds: isLast ? settings.shutdownMilliseconds : commitTimeoutMilliseconds)
        } catch {
            switch error.remedy {
            case .retry where producer.failed == failedBefore && !isLast: trouble("commit put off", error)
            case .abortTransaction where !isLast, .rejoin where !error.isFatal && !isLast:
                trouble("commit refused", error)
                try giveUpUncommitted()
            default:
                hasFailed = true
                throw error
            }
            return
        }
        monitor.committed(nanoseconds: monotonicNanoseconds() - begun)
        counters.commits.add(1, ordering: .relaxed)
        for task in due { counters.committed.add(task.committed(), ordering: .relaxed) }
        hasPublishedRecords = false
        checkpointRun?.writer.committed()
    }

    /// Aborts what is not committed. In a transaction it has not happened then: every partition goes back to its
    /// committed offset, and its state with it. Without one it may have; the rebalance that follows sorts it out.
    func giveUpUncommitted() throws(KafkaError) {
        if let run = checkpointRun, hasPublishedRecords {
            // Its records may be what the broker has refused.
            checkpointFailed(run.task, WorkerError("its transaction was given up"))
        }
        dropCheckpoint()
        hasPublishedRecords = false
        if try cycle.abort() {
            mustGoBack = true
            counters.transactionsAborted.add(1, ordering: .relaxed)
            failedBefore = producer.failed
        }
    }

    /// Takes every partition back to where the last commit left it.
    func goBack() throws {
        mustGoBack = false
        batch.release()
        let partitions = tasks.values.map(\.partition).sorted()
        guard !partitions.isEmpty else { return }
        logger.warning("going back to the committed offsets", metadata: ["partitions": "\(partitions)"])
        drop(partitions)
        try take(partitions, isNew: false)
        try pauseLoading()
    }
}
