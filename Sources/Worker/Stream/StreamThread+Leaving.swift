import Kafka

extension StreamThread {
    /// Commits for the last time and takes last checkpoints, before the thread leaves its group with the worker's others.
    ///
    /// While partitions are assigned anew, as they are whenever a member leaves, offsets are refused. The group waits for
    /// this member meanwhile: it is served, and what the member still owns then is committed.
    func leave(_ shutdown: Shutdown) throws {
        parts.membership.leave()
        do throws(KafkaError) {
            try parts.consumer.pause(parts.consumer.assignment)
        } catch {
            parts.reporter.warn("fetching goes on until the end", error)
        }
        let begun = ContinuousClock.now
        let deadline = begun + .milliseconds(patienceMilliseconds)
        // Commits come first. What half of the time is enough for spares the next owners reading the log.
        let checkpointDeadline = begun + .milliseconds(patienceMilliseconds / 2)
        parts.commits.drain(until: deadline)
        parts.checkpointer.drain()
        var nextCommit = begun
        while true {
            let now = ContinuousClock.now
            let mayCheckpoint = now < checkpointDeadline && !parts.commits.isFinished
            if now >= nextCommit || !parts.checkpointer.isWriting || !mayCheckpoint {
                _ = try parts.commits.commit()
                nextCommit = now + .milliseconds(parts.settings.commitIntervalMilliseconds)
            }
            if mayCheckpoint { try advanceLastCheckpoints() }
            let isAtWork = mayCheckpoint && parts.checkpointer.isAtWork
            if !parts.commits.hasUncommitted, !isAtWork { shutdown.markCommitted(parts.number) }
            if shutdown.isCommitted || now >= deadline { return }
            try poll(timeoutMilliseconds: isAtWork ? 1 : 10)
            // The next owner of the partitions reads these messages.
            messages.release()
        }
    }

    /// How long the end may take. Nobody waits long for Kafka when it is away: nothing is lost without it.
    private var patienceMilliseconds: Int {
        parts.watch.isAway
            ? min(Self.patienceWithoutKafkaMilliseconds, parts.settings.shutdownMilliseconds)
            : parts.settings.shutdownMilliseconds
    }

    private static let patienceWithoutKafkaMilliseconds = 1000

    /// Goes on with checkpoints of what has been committed.
    private func advanceLastCheckpoints() throws {
        do {
            parts.checkpointer.beginIfDue()
            if try !parts.checkpointer.advance() { _ = try parts.commits.abort() }
        } catch let error as KafkaError where error.remedy == .abortTransaction {
            _ = try parts.commits.abort(because: error)
        }
    }

    /// Refuses what others wait for, and closes the clients.
    func close() {
        parts.control.close()
        parts.queries.close()
        parts.changer.close()
        parts.consumer.close(timeoutMilliseconds: patienceMilliseconds)
        parts.output.close()
        parts.reporter.finish()
    }
}
