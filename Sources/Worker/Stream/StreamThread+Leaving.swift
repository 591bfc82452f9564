import Kafka

extension StreamThread {
    /// Commits for the last time, before the thread leaves its group with the worker's others.
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
        let deadline = ContinuousClock.now + .milliseconds(parts.settings.shutdownMilliseconds)
        parts.commits.drain(until: deadline)
        while true {
            let isOver = ContinuousClock.now >= deadline
            _ = try parts.commits.commit()
            if !parts.commits.hasUncommitted { shutdown.markCommitted(parts.number) }
            if shutdown.isCommitted || isOver { return }
            try poll(timeoutMilliseconds: 10)
            // The next owner of the partitions reads these messages.
            messages.release()
        }
    }

    /// Refuses what others wait for, and closes the clients.
    func close() {
        parts.control.close()
        parts.queries.close()
        parts.consumer.close(timeoutMilliseconds: parts.settings.shutdownMilliseconds)
        parts.output.close()
        parts.reporter.finish()
    }
}
