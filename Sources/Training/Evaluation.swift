import Ensemble
import Features
import Foundation
import Monitoring

/// The three evaluations of one artifact on TEST.
public struct Evaluation: Equatable, Sendable {
    public enum Name: String, CaseIterable, Sendable {
        /// Every event.
        case e1 = "E1"
        /// The last event of each invoice.
        case e2 = "E2"
        /// Customers at cut-offs.
        case e3 = "E3"
    }

    /// Figures by evaluation and model; in E3 means over the cut-offs.
    public private(set) var figures: [Name: [ModelName: Metrics]] = [:]
    /// E3's figures at the first cut-off.
    public private(set) var firstSnapshot: [ModelName: Metrics] = [:]

    /// Scores all TEST points with an ensemble, in the form that serves.
    /// - Throws: `TrainingError` when an evaluation has no points or only one kind of label: there is nothing to rank.
    public init(_ ensemble: Ensemble, on points: ScoringPoints, protocol times: EvaluationProtocol, seed: UInt64)
        throws(TrainingError)
    {
        var e1: [Int] = []
        var e2: [Int] = []
        var e3: [Int64: [Int]] = [:]
        for (index, point) in points.points.enumerated() where times.isTest(point.time) {
            switch point.kind {
            case .event(let isLast):
                e1.append(index)
                if isLast { e2.append(index) }
            case .snapshot: e3[point.time, default: []].append(index)
            }
        }
        figures[.e1] = try Self.metrics(ensemble, points, e1, seed, .e1)
        figures[.e2] = try Self.metrics(ensemble, points, e2, seed, .e2)
        var cutOffs: [[ModelName: Metrics]] = []
        for time in times.testSnapshots {
            cutOffs.append(try Self.metrics(ensemble, points, e3[time] ?? [], seed, .e3))
        }
        guard let first = cutOffs.first else { throw TrainingError("E3 has no cut-off within the test period") }
        firstSnapshot = first
        figures[.e3] = Dictionary(
            uniqueKeysWithValues: ensemble.models.map { model in
                (model, Metrics(meanOf: cutOffs.compactMap { $0[model] }))
            })
    }

    private static func metrics(
        _ ensemble: Ensemble, _ points: ScoringPoints, _ indices: [Int], _ seed: UInt64, _ name: Name
    ) throws(TrainingError) -> [ModelName: Metrics] {
        let labels = indices.map { points.points[$0].label }
        guard labels.contains(true), labels.contains(false) else {
            throw TrainingError(
                "\(name.rawValue) has \(labels.count) points" + (labels.isEmpty ? "" : ", all with one label")
                    + ": there is nothing to rank; give a longer history")
        }
        var scores: [Scores] = []
        var workspace = Ensemble.Workspace(for: ensemble)
        ensemble.score(points.rows(indices), into: &scores, workspace: &workspace)
        return Dictionary(
            uniqueKeysWithValues: ensemble.models.map { model in
                (model, Metrics(probabilities: scores.map { $0[model] }, labels: labels, seed: seed))
            })
    }

    /// `results.json`: evaluation, model, metric; E3's models hold `first` too.
    public func json() throws -> [UInt8] {
        struct Figures: Encodable {
            let metrics: Metrics
            let first: Metrics?
            enum CodingKeys: CodingKey { case first }

            func encode(to encoder: any Encoder) throws {
                try metrics.encode(to: encoder)
                var container = encoder.container(keyedBy: CodingKeys.self)
                try container.encodeIfPresent(first, forKey: .first)
            }
        }
        var results: [String: [String: Figures]] = [:]
        for (name, models) in figures {
            for (model, metrics) in models {
                results[name.rawValue, default: [:]][model.rawValue] = Figures(
                    metrics: metrics, first: name == .e3 ? firstSnapshot[model] : nil)
            }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        return Array(try encoder.encode(results)) + [0x0A]
    }

    /// The figures as a table for people.
    public func table(serving: ModelName) -> String {
        var lines: [String] = []
        for name in Name.allCases {
            guard let models = figures[name], let any = models.values.first else { continue }
            let title =
                switch name {
                case .e1: "E1, every event"
                case .e2: "E2, last event of each invoice"
                case .e3: "E3, snapshots (means over the cut-offs)"
                }
            lines.append("\(title): n = \(Int(any.n)), positives \(fixed(any.positiveRate, 3))")
            lines.append("  model                 ROC-AUC  PR-AUC  log loss   Brier     ECE    lift      F1")
            for model in ModelName.all {
                guard let m = models[model] else { continue }
                let mark = model == serving ? "*" : " "
                let label = (model.rawValue + mark).padding(toLength: 21, withPad: " ", startingAt: 0)
                let numbers = [m.rocAUC, m.prAUC, m.logLoss, m.brier, m.ece, m.liftTopDecile, m.f1]
                lines.append(
                    "  " + label
                        + zip(numbers, [8, 8, 10, 8, 8, 8, 8]).map { number, width in
                            let text = fixed(number, 4)
                            return String(repeating: " ", count: max(0, width - text.count)) + text
                        }.joined())
            }
            lines.append("")
        }
        lines.append("* served. All figures are of this artifact on TEST, which nothing was fitted or chosen on.")
        return lines.joined(separator: "\n")
    }

    private func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
}
