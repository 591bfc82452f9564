import Customers
import Ensemble
import Features

/// The customers of a thread's partitions by the probability of their latest prediction, worked out anew in slices between
/// batches: every state is scored as it stands. Customers who come meanwhile may be missing.
final class RankingRun {
    private let top: Int
    private let answer: @Sendable (Ranking?) -> Void
    private let extractor: FeatureExtractor
    private let ensemble: Ensemble
    private let servingModel: ModelName
    private var workspace: Ensemble.Workspace
    private var matrix = FeatureMatrix()
    private var scores: [Scores] = []
    private var partitions: [Int32]
    private var cursor = 0
    private var best: [Ranking.Entry] = []
    /// Whether there are as many as wanted, in order.
    private var isFull = false
    private var seen = 0

    init(
        top: Int, _ artifact: ModelArtifact, partitions: [Int32], answer: @escaping @Sendable (Ranking?) -> Void
    ) {
        self.top = top
        self.answer = answer
        self.partitions = partitions
        extractor = FeatureExtractor(encoding: artifact.categoryEncoding)
        ensemble = artifact.ensemble
        servingModel = artifact.manifest.servingModel
        workspace = Ensemble.Workspace(for: ensemble)
    }

    /// Goes on until the deadline.
    /// - Returns: whether it is done; whoever asked has been told then.
    func goOn(_ tasks: [Int32: PartitionTask], until deadline: ContinuousClock.Instant) -> Bool {
        while let partition = partitions.last {
            guard let table = tasks[partition]?.table, cursor < table.count else {
                partitions.removeLast()
                cursor = 0
                continue
            }
            score(table, partition)
            if ContinuousClock.now >= deadline { return partitions.isEmpty }
        }
        best.sort(by: Self.isBefore)
        answer(Ranking(entries: Array(best.prefix(top)), customers: seen))
        return true
    }

    func giveUp() { answer(nil) }

    private func score(_ table: CustomerTable, _ partition: Int32) {
        let end = min(cursor + CompiledForest.blockRows, table.count)
        matrix.removeAll()
        for index in cursor..<end {
            table.withState(at: index) { extractor.append($0, to: &matrix) }
        }
        ensemble.score(matrix, into: &scores, workspace: &workspace)
        let floor = isFull ? best[top - 1].probability : -1
        for index in cursor..<end {
            let probability = scores[index - cursor][servingModel]
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
