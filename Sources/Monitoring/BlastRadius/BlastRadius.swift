import Ensemble
import Events
import Features
import Foundation
import Scoring

/// What another model in place of the present one would change: the same rows scored by both.
package struct BlastRadius: Sendable {
    /// One of the two models.
    package struct Model: Sendable, Equatable {
        /// The artifact's version.
        package let version: String
        /// The model of it whose probability is served.
        package let servingModel: ModelName
        /// Log-odds of a row of which nothing is known, from which its scores are explained; `nil` where it cannot be taken apart.
        package let baseLogOdds: Double?
    }

    /// Figures of some rows.
    package struct Figures: Sendable, Equatable {
        /// How many rows there are.
        package let rows: Int
        /// Population stability index of the served probability, the present model's tenths being the bins; 0 where nothing changes.
        /// The rows are the same, so that none of it is noise of the sample.
        package let stabilityIndex: Double
        /// Mean probability by the present model.
        package let meanBefore: Double
        /// Mean probability by the other one.
        package let meanAfter: Double
        /// Rows by their priority before and after, each in the order of `Priority.allCases`.
        package let priorities: [[Int]]

        /// Rows that have a priority by the present model.
        package func before(_ priority: Int) -> Int { priorities[priority].reduce(0, +) }
        /// Rows that have a priority by the other model.
        package func after(_ priority: Int) -> Int { priorities.reduce(0) { $0 + $1[priority] } }
        /// Share of the rows whose priority changes, 0...1.
        package var flippedShare: Double {
            let same = priorities.indices.reduce(0) { $0 + priorities[$1][$1] }
            return rows == 0 ? 0 : Double(rows - same) / Double(rows)
        }
    }

    /// Figures of a part of the rows.
    package struct Slice: Sendable, Equatable {
        /// What rows are divided by.
        package let group: String
        /// The part's name within its group.
        package let name: String
        /// The part's figures.
        package let figures: Figures
    }

    /// What a feature adds to a row's log-odds by both models.
    package struct Reason: Sendable, Equatable {
        /// The feature's name.
        package let feature: String
        /// Its value, as the other model reads it; NaN where there is none.
        package let value: Float
        /// Log-odds by the present model.
        package let before: Double
        /// Log-odds by the other one.
        package let after: Double
    }

    /// A row whose log-odds change by much.
    package struct Mover: Sendable, Equatable {
        /// The customer's identifier.
        package let customerID: String
        /// Time of the event, milliseconds.
        package let time: Int64
        /// Probability by the present model.
        package let before: Double
        /// Probability by the other one.
        package let after: Double
        /// The features whose contributions differ most, the largest difference first; `nil` where one of the models cannot be taken
        /// apart.
        package let reasons: [Reason]?
    }

    /// Bins of equal width over the probabilities, in the histograms.
    package static let bins = 20
    /// Movers that are named.
    package static let moverLimit = 10
    private static let reasonLimit = 4

    /// The model that the other one is held against.
    package let before: Model
    /// The other one.
    package let after: Model
    /// The earliest event, milliseconds; 0 without rows.
    package let from: Int64
    /// The latest event, milliseconds; 0 without rows.
    package let to: Int64
    /// Predictions a day of event time; 0 where that is not known.
    package let predictionsPerDay: Double
    /// Figures of all rows.
    package let all: Figures
    /// Rows by their probability by the present model, in `bins` bins.
    package let histogramBefore: [Int]
    /// Rows by their probability by the other one, in as many bins.
    package let histogramAfter: [Int]
    /// Figures of its parts that have rows.
    package let slices: [Slice]
    /// The rows that move most, one a customer, the largest change of log-odds first.
    package let movers: [Mover]

    /// Scores rows by both models.
    /// - Throws: `ArtifactError` if the models do not read the same features.
    /// - Complexity: O(rows × trees × depth), and O(nodes × depth) to take the models apart.
    package init(
        _ rows: RecentRows.Snapshot, from present: ModelArtifact, to other: ModelArtifact,
        _ thresholds: PriorityThresholds
    ) throws(ArtifactError) {
        guard present.schema.fingerprint == other.schema.fingerprint else {
            throw ArtifactError(
                path: other.directory,
                reason: "looks \(other.schema.horizon.days) days ahead and \(present.manifest.version) "
                    + "\(present.schema.horizon.days): they do not predict the same")
        }
        let sides = [present, other].map { ScoredRows(rows, by: $0) }
        let (old, new) = (sides[0].probabilities, sides[1].probabilities)
        before = sides[0].model
        after = sides[1].model
        from = rows.origins.map(\.time).min() ?? 0
        to = rows.origins.map(\.time).max() ?? 0
        predictionsPerDay = rows.predictionsPerDay
        let edges = Self.tenths(old)
        func figures(_ indices: [Int]) -> Figures {
            Figures(indices.map { old[$0] }, indices.map { new[$0] }, edges: edges, thresholds)
        }
        all = figures(Array(old.indices))
        (histogramBefore, histogramAfter) = (Self.histogram(old), Self.histogram(new))
        slices = RowSlice.all.compactMap { slice in
            let indices = old.indices.filter { slice.contains(sides[0].matrix[$0]) }
            return indices.isEmpty
                ? nil : Slice(group: slice.group, name: slice.name, figures: figures(indices))
        }
        movers = Self.movers(rows, sides[0], sides[1])
    }

    /// Up to nine edges, between which the values are tenths of all.
    private static func tenths(_ values: [Double]) -> [Double] {
        let sorted = values.sorted()
        var edges: [Double] = []
        for tenth in 1..<10 where !sorted.isEmpty {
            let edge = sorted[tenth * sorted.count / 10]
            if edge > edges.last ?? sorted[0] { edges.append(edge) }
        }
        return edges
    }

    private static func histogram(_ values: [Double]) -> [Int] {
        var counts = [Int](repeating: 0, count: bins)
        for value in values where value >= 0 && value <= 1 { counts[min(Int(value * Double(bins)), bins - 1)] += 1 }
        return counts
    }

    private static func movers(_ rows: RecentRows.Snapshot, _ old: ScoredRows, _ new: ScoredRows) -> [Mover] {
        func change(_ row: Int) -> Double { abs(logOdds(new.probabilities[row]) - logOdds(old.probabilities[row])) }
        // Ties by place, so that the same rows give the same movers.
        let order = rows.origins.indices.map { (change($0), $0) }.filter { $0.0 > 0 }
            .sorted { ($1.0, $0.1) < ($0.0, $1.1) }
        var seen: Set<[UInt8]> = []
        var movers: [Mover] = []
        for (_, row) in order where movers.count < moverLimit {
            let origin = rows.origins[row]
            guard seen.insert(origin.customerID).inserted else { continue }
            movers.append(
                Mover(
                    customerID: String(decoding: origin.customerID, as: UTF8.self), time: origin.time,
                    before: old.probabilities[row], after: new.probabilities[row], reasons: reasons(row, old, new)))
        }
        return movers
    }

    /// `nil` where one of the models cannot be taken apart.
    private static func reasons(_ row: Int, _ old: ScoredRows, _ new: ScoredRows) -> [Reason]? {
        guard let before = old.contributions(row), let after = new.contributions(row) else { return nil }
        let all = before.indices.map { feature in
            Reason(
                feature: new.names[feature], value: new.value(row, feature), before: before[feature],
                after: after[feature])
        }
        return Array(all.sorted { abs($1.after - $1.before) < abs($0.after - $0.before) }.prefix(reasonLimit))
    }

    /// Of a probability; finite, as one of 0 or 1 has no greater meaning than one next to it.
    private static func logOdds(_ probability: Double) -> Double {
        let inside = min(max(probability, 1e-9), 1 - 1e-9)
        return log(inside / (1 - inside))
    }
}

extension BlastRadius.Figures {
    init(_ before: [Double], _ after: [Double], edges: [Double], _ thresholds: PriorityThresholds) {
        rows = before.count
        func counts(_ values: [Double]) -> [Double] {
            var counts = [Double](repeating: 0, count: edges.count + 1)
            for value in values { counts[edges.count { $0 <= value }] += 1 }
            return counts
        }
        stabilityIndex = rows == 0 ? 0 : populationStabilityIndex(counts(before), counts(after), log: log)
        meanBefore = rows == 0 ? 0 : before.reduce(0, +) / Double(rows)
        meanAfter = rows == 0 ? 0 : after.reduce(0, +) / Double(rows)
        let all = Priority.allCases
        var priorities = all.map { _ in all.map { _ in 0 } }
        for (old, new) in zip(before, after) {
            let places = [old, new].map { all.firstIndex(of: thresholds.priority(of: $0)) ?? 0 }
            priorities[places[0]][places[1]] += 1
        }
        self.priorities = priorities
    }
}

/// Rows as one model reads and scores them.
private struct ScoredRows {
    let matrix: FeatureMatrix
    let probabilities: [Double]
    let model: BlastRadius.Model
    let names: [String]
    private let explainer: Explainer?
    private let workspace: Explainer.Workspace?

    init(_ rows: RecentRows.Snapshot, by artifact: ModelArtifact) {
        matrix = rows.matrix(for: artifact.categoryEncoding)
        names = artifact.schema.names
        var scores: [Scores] = []
        var workspace = Ensemble.Workspace(for: artifact.ensemble)
        artifact.ensemble.score(matrix, into: &scores, workspace: &workspace)
        probabilities = scores.map { $0[artifact.manifest.servingModel] }
        explainer = try? Explainer(artifact)
        self.workspace = explainer.map { Explainer.Workspace(for: $0) }
        model = BlastRadius.Model(
            version: artifact.manifest.version, servingModel: artifact.manifest.servingModel,
            baseLogOdds: explainer?.baseLogOdds())
    }

    func value(_ row: Int, _ feature: Int) -> Float { matrix.values[row * FeatureSchema.count + feature] }

    /// `nil` where the model cannot be taken apart.
    func contributions(_ row: Int) -> [Double]? {
        guard let explainer, let workspace else { return nil }
        return explainer.explain(Array(matrix[row]), workspace).contributions
    }
}
