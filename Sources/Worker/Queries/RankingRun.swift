import Customers
import Ensemble
import Features
import Scoring

/// Ranks the customers of a thread's partitions by their probabilities as of the partition's clock: who has stayed away for long
/// ranks by that, and not by their last event. It scores all of them, in slices between batches; customers who come meanwhile
/// may be missing.
final class RankingRun {
    private let top: Int
    private let reply: ThreadCommand.Reply<Ranking>
    private let champion: Ranker
    /// The model that serves a share of the customers, of 10,000.
    private let canary: (ranker: Ranker, share: Int)?
    private var partitions: [Int32]
    private let restoringPartitions: [Int32]
    private var cursor = 0
    private var best: [Ranking.Entry] = []
    /// Whether `best` holds as many as are wanted, in order.
    private var isFull = false
    private var seen = 0

    init(
        top: Int, _ artifact: ModelArtifact, beside companions: [CompanionModel], partitions: [Int32],
        restoringPartitions: [Int32],
        reply: @escaping ThreadCommand.Reply<Ranking>
    ) {
        self.top = top
        self.reply = reply
        self.partitions = partitions
        self.restoringPartitions = restoringPartitions
        champion = Ranker(artifact)
        canary = companions.first { $0.servedShare > 0 }.map { (Ranker($0.artifact), $0.servedShare) }
    }

    /// Scores customers as of their partition's clock by one model.
    private final class Ranker {
        private let artifact: ModelArtifact
        private let extractor: FeatureExtractor
        private var workspace: Ensemble.Workspace
        private var matrix = FeatureMatrix()
        private var scores: [Scores] = []

        init(_ artifact: ModelArtifact) {
            self.artifact = artifact
            extractor = artifact.makeExtractor()
            workspace = Ensemble.Workspace(for: artifact.ensemble)
        }

        /// - Returns: the probability of each, in order.
        func probabilities(_ indices: Range<Int>, of table: CustomerTable) -> [Double] {
            matrix.removeAll()
            for index in indices {
                table.withState(at: index) { state in
                    if state.pointee.clock >= table.clock.time {
                        extractor.append(state, to: &matrix)
                    } else {
                        extractor.append(state.pointee.advanced(to: table.clock.time), to: &matrix)
                    }
                }
            }
            artifact.ensemble.score(matrix, into: &scores, workspace: &workspace)
            return scores.map { $0[artifact.manifest.servingModel] }
        }
    }

    /// Goes on until the deadline.
    /// - Returns: whether it is done and has replied.
    func advance(_ registry: PartitionRegistry, until deadline: ContinuousClock.Instant) -> Bool {
        while let partition = partitions.last {
            guard let table = registry[partition]?.state.table, cursor < table.count else {
                partitions.removeLast()
                cursor = 0
                continue
            }
            score(table, partition)
            if ContinuousClock.now >= deadline { return partitions.isEmpty }
        }
        best.sort(by: Self.isBefore)
        reply(
            Ranking(
                entries: Array(best.prefix(top)), customers: seen, restoringPartitions: restoringPartitions))
        return true
    }

    /// Replies that there will be no ranking.
    func refuse() { reply(nil) }

    private func score(_ table: CustomerTable, _ partition: Int32) {
        let end = min(cursor + CompiledForest.blockRows, table.count)
        let probabilities = champion.probabilities(cursor..<end, of: table)
        let canaries = canary?.ranker.probabilities(cursor..<end, of: table)
        let floor = isFull ? best[top - 1].probability : -1
        for index in cursor..<end {
            var probability = probabilities[index - cursor]
            if let canary, let canaries,
                ModelRoles.Canary.serves(table.customerHash(at: index), perTenThousand: canary.share)
            {
                probability = canaries[index - cursor]
            }
            if probability < floor { continue }
            best.append(
                Ranking.Entry(
                    customerID: table.customerID(at: index), partition: partition, probability: probability,
                    time: table.withState(at: index) { $0.pointee.clock }))
        }
        if best.count > top {
            best.sort(by: Self.isBefore)
            best.removeLast(best.count - top)
            isFull = true
        }
        seen += end - cursor
        cursor = end
    }

    static func isBefore(_ a: Ranking.Entry, _ b: Ranking.Entry) -> Bool {
        (b.probability, a.customerID) < (a.probability, b.customerID)
    }
}
