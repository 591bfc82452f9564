import Kafka

/// The commit cycle: what was processed lasts, or is processed again.
extension StreamThread {
    /// A commit that has been sent and not been answered.
    struct CommitUnderWay {
        let pending: PendingCommit
        let begun: UInt64
        /// Live messages that it covers.
        let covered: [(task: PartitionTask, live: Int)]
    }

    /// How long past its time a commit may wait for a moment in which nothing is under way to Kafka.
    private static let commitPatience = Duration.milliseconds(100)

    /// Makes what was processed last at the commit interval: in passing where that can be, so that no message waits for it.
    func commitWhenDue() throws {
        try hearOfCommit()
        let overdue = ContinuousClock.now - lastCommit - .milliseconds(settings.commitIntervalMilliseconds)
        guard overdue >= .zero else { return }
        // A checkpoint is taken where everything is committed.
        if cycle.commitsInPassing, !hasPublishedRecords, dueCheckpoint == nil {
            if commitUnderWay == nil, try beginCommit() { return }
            if overdue < Self.commitPatience { return }
        }
        try commit()
        beginCheckpoint()
    }

    /// What there is to commit.
    private var uncommittedTasks: [PartitionTask] {
        tasks.values.filter { $0.uncommitted > 0 }.sorted { $0.partition < $1.partition }
    }

    /// - Returns: whether that is all that is to be done now.
    private func beginCommit() throws -> Bool {
        let due = uncommittedTasks
        if hasFailed || mustGoBack || due.isEmpty {
            lastCommit = .now
            return true
        }
        do throws(KafkaError) {
            let begun = monotonicNanoseconds()
            let offsets = due.map { PartitionOffset($0.partition, offset: $0.next) }
            guard let pending = try cycle.beginCommit(offsets, of: consumer) else { return false }
            commitUnderWay = CommitUnderWay(
                pending: pending, begun: begun, covered: due.map { ($0, $0.uncommitted) })
        } catch {
            try commitFailed(error)
        }
        lastCommit = .now
        return true
    }

    private func hearOfCommit() throws {
        guard let run = commitUnderWay, let outcome = run.pending.outcome() else { return }
        commitUnderWay = nil
        switch outcome {
        case .success: committed(run.covered, since: run.begun)
        case .failure(let error): try commitFailed(error)
        }
    }

    private func committed(_ covered: [(task: PartitionTask, live: Int)], since begun: UInt64) {
        monitor.committed(nanoseconds: monotonicNanoseconds() - begun)
        counters.commits.add(1, ordering: .relaxed)
        for (task, live) in covered {
            task.committed(live: live)
            counters.committed.add(live, ordering: .relaxed)
        }
    }

    /// The last commit, before the thread leaves its group with the worker's others.
    ///
    /// While partitions are given out anew, as they are whenever a member leaves, offsets are refused. The group waits for
    /// this member meanwhile: it is served, and what the member still holds then is committed.
    func commitBeforeLeaving(_ shutdown: Shutdown) throws {
        isLeaving = true
        do throws(KafkaError) {
            try consumer.pause(consumer.assignment)
        } catch {
            trouble("fetching goes on until the end", error)
        }
        let deadline = ContinuousClock.now + .milliseconds(settings.shutdownMilliseconds)
        while true {
            let isOver = ContinuousClock.now >= deadline
            if try commit(lastUntil: deadline) { shutdown.markCommitted(number) }
            if shutdown.isCommitted || isOver { return }
            try consumer.poll(into: batch, timeoutMilliseconds: 10)
            try throwFailure()
            try heed(batch.errors)
            // Whatever has come belongs to those who go on.
            batch.release()
        }
    }

    /// Makes what was processed last, and waits for it. What a passing error leaves undone is tried again at the next
    /// interval.
    /// - Parameter deadline: when there will be no next interval: the wait ends here, and errors that last are thrown.
    /// - Returns: false if there is something left to commit.
    @discardableResult
    func commit(lastUntil deadline: ContinuousClock.Instant? = nil) throws -> Bool {
        lastCommit = .now
        // What it covers is covered again.
        commitUnderWay = nil
        if hasFailed || mustGoBack { return true }
        var due = uncommittedTasks
        // Records of a checkpoint are committed with the offset of a partition too, so that a former owner is refused.
        if hasPublishedRecords, let task = checkpointRun?.task ?? tasks.values.first(where: { !$0.isRestoring }),
            !due.contains(where: { $0 === task })
        {
            due.append(task)
        }
        guard !due.isEmpty else { return true }
        let remaining = deadline.map { max(0, Int(($0 - .now) / .milliseconds(1))) }
        let begun = monotonicNanoseconds()
        do throws(KafkaError) {
            try cycle.commit(
                due.map { PartitionOffset($0.partition, offset: $0.next) }, of: consumer,
                timeoutMilliseconds: remaining ?? commitTimeoutMilliseconds)
        } catch {
            return try commitFailed(error, lastUntil: deadline)
        }
        committed(due.map { ($0, $0.uncommitted) }, since: begun)
        hasPublishedRecords = false
        checkpointRun?.writer.committed()
        return true
    }

    /// - Returns: false: there is something left to commit.
    @discardableResult
    private func commitFailed(_ error: KafkaError, lastUntil deadline: ContinuousClock.Instant? = nil) throws -> Bool {
        let isInTime = deadline.map { .now < $0 } ?? true
        switch error.remedy {
        case .retry where isInTime && producer.failed == failedBefore:
            trouble("commit put off", error)
            return false
        case .abortTransaction where isInTime, .rejoin where isInTime && !error.isFatal:
            trouble("commit refused", error)
            try giveUpUncommitted()
            // Without a transaction nothing is taken back, and what was not delivered must not be committed next time.
            if producer.failed == failedBefore { return false }
            fallthrough
        default:
            hasFailed = true
            throw error
        }
    }

    /// Aborts what is not committed. In a transaction it has not happened then: every partition goes back to its
    /// committed offset, and its state with it. Without one it may have; the rebalance that follows sorts it out.
    func giveUpUncommitted() throws(KafkaError) {
        // It has been already.
        if mustGoBack { return }
        commitUnderWay = nil
        if let run = checkpointRun, hasPublishedRecords {
            // Its records may be what the broker has refused.
            checkpointFailed(run.task, WorkerError("its transaction was given up"))
        }
        dropCheckpoint()
        hasPublishedRecords = false
        if try cycle.abort(timeoutMilliseconds: isLeaving ? commitTimeoutMilliseconds : 30_000) {
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
