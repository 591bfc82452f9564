import Customers
import Events
import Pipeline

/// Carries out the commands of a thread's control queue. Owned by that thread.
final class QueryExecutor {
    private let registry: PartitionRegistry
    private let pipeline: ScoringPipeline
    private let changer: ModelChanger
    private var rankings: [RankingRun] = []

    init(registry: PartitionRegistry, pipeline: ScoringPipeline, changer: ModelChanger) {
        self.registry = registry
        self.pipeline = pipeline
        self.changer = changer
    }

    /// Whether a ranking is under way.
    var isBusy: Bool { !rankings.isEmpty }

    func execute(_ command: ThreadCommand) {
        switch command {
        case .customer(let id, let reply): reply(.some(customer(id)))
        case .ranking(let top, let reply): rankings.append(ranking(top: top, reply: reply))
        case .observations(let reply): reply(observations())
        case .ownership(let partition, let reply):
            reply(registry.ownership(of: partition))
        case .sample(let choice, let count, let reply): reply(sample(choice, count))
        case .recentRows(let reply): reply(pipeline.recentRows)
        case .serve(let change): changer.take(change)
        }
    }

    /// Goes on with a ranking for about a millisecond.
    func advance() {
        guard let run = rankings.first else { return }
        if run.advance(registry, until: .now + .milliseconds(1)) { rankings.removeFirst() }
    }

    /// Refuses what is under way.
    func close() {
        for run in rankings { run.refuse() }
        rankings = []
    }

    private func customer(_ customerID: String) -> CustomerReport? {
        var text = customerID
        return text.withUTF8 { bytes in
            let bytes = UnsafeRawBufferPointer(bytes)
            let hash = contentHash(bytes)
            for task in registry.tasks where task.isRestored {
                let table = task.state.table
                guard let index = table.index(of: bytes, hash: hash, at: table.clock.time) else { continue }
                return report(index, of: task)
            }
            return nil
        }
    }

    private func report(_ index: Int, of task: PartitionTask) -> CustomerReport {
        let table = task.state.table
        return CustomerReport(
            customerID: table.customerID(at: index), topic: task.partition.topic, partition: task.partition.partition,
            state: table.states[index], isStateComplete: task.state.isComplete(table.states[index]),
            position: task.state.stateOffset, decoderStartOffset: task.state.decoderStartOffset,
            partitionClock: table.clock.time)
    }

    /// Customers that stand together in the table of one partition, from a place on that is as good as any.
    private func sample(_ choice: UInt64, _ count: Int) -> [CustomerReport] {
        let tasks = registry.tasks.filter { $0.isRestored && $0.state.table.count > 0 }
            .sorted { $0.partition < $1.partition }
        guard !tasks.isEmpty else { return [] }
        let task = tasks[Int((choice >> 16) % UInt64(tasks.count))]
        let customers = task.state.table.count
        let first = Int((choice >> 32) % UInt64(customers))
        return (0..<min(count, customers)).map { report((first + $0) % customers, of: task) }
    }

    private func ranking(top: Int, reply: @escaping ThreadCommand.Reply<Ranking>) -> RankingRun {
        let restored = registry.tasks.filter(\.isRestored).map(\.partition.partition)
        return RankingRun(
            top: top, pipeline.artifact, beside: pipeline.companions, partitions: restored.reversed(),
            restoringPartitions: registry.restoring,
            reply: reply)
    }

    private func observations() -> ThreadObservations {
        ThreadObservations(
            drift: pipeline.takeDriftSnapshot(),
            labelJoins: registry.tasks.compactMap { $0.state.labelJoin?.evaluationSnapshot })
    }
}
