import Customers
import Events

/// Answering the control plane, between two batches.
extension StreamThread {
    /// Answers what has been asked, and goes on with a ranking for about a millisecond.
    func answerInquiries() {
        if !inbox.isEmpty { inbox.answer(by: self) }
        guard let run = rankingRuns.first else { return }
        if run.goOn(tasks, until: .now + .milliseconds(1)) { rankingRuns.removeFirst() }
    }

    func customer(_ customerID: String) -> CustomerReport? {
        var text = customerID
        return text.withUTF8 { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            let hash = contentHash(bytes)
            for task in tasks.values where !task.isRestoring {
                guard let index = task.table.index(of: bytes, hash: hash, at: task.table.clock.time) else { continue }
                return CustomerReport(
                    customerID: customerID, topic: task.partition.topic, partition: task.partition.partition,
                    state: task.table.states[index], isStateComplete: !task.isIncomplete, position: task.takenUpTo)
            }
            return nil
        }
    }

    func rank(top: Int, answer: @escaping @Sendable (Ranking?) -> Void) {
        let live = tasks.values.filter { !$0.isRestoring }.map(\.partition.partition).sorted(by: >)
        rankingRuns.append(RankingRun(top: top, scorer.artifact, partitions: live, answer: answer))
    }

    /// Nobody will answer any more.
    func refuseInquiries() {
        inbox.close()
        for run in rankingRuns { run.giveUp() }
        rankingRuns = []
    }
}
