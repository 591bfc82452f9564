import Events
import Features
import Foundation
import Monitoring
import Worker

/// What the demo ends with: the worker's own figures, beside what was measured when reading back.
struct DemoSummary {
    private let worker: Worker
    /// All predictions whose horizon has passed, by the worker's label join.
    private let figures: Metrics?
    /// Those of them that were made after the model's training data ended.
    private let unseenFigures: Metrics?
    /// All customers of the worker.
    private let ranking: Ranking

    /// Asks a worker that is still running.
    ///
    /// - Throws: `QueryError` if it does not answer.
    init(of worker: Worker) async throws {
        self.worker = worker
        let predictions = try await worker.labeledPredictions()
        figures = Self.figures(OnlineEvaluation(predictions))
        unseenFigures = Self.figures(OnlineEvaluation(predictions, from: Self.trainedUntil(worker)))
        ranking = try await worker.ranking(top: .max)
    }

    /// The summary's lines. The counts are those of the moment of asking: after the worker has stopped, all is committed.
    func text(_ reading: ReadingStatistics) -> String {
        let counters = worker.counters.snapshot
        let seconds = reading.seconds
        var lines = [
            "",
            "events       \(counters.received) received, \(counters.scored) scored, \(counters.anonymous) anonymous, "
                + "\(counters.rejected) rejected, \(counters.committed) committed",
            "throughput   \(Int(Double(counters.received) / max(seconds, 0.001))) events/s over \(Self.fixed(seconds, 1)) s, "
                + "publisher, broker, worker and reader on this machine",
            "latency      p50 \(Self.fixed(reading.latencies.percentile(0.5), 0)) ms, "
                + "p99 \(Self.fixed(reading.latencies.percentile(0.99), 0)) ms "
                + "from publishing to reading back, at full speed",
            "scores       0 \(reading.sparkline) 1",
        ]
        lines += evaluation
        lines += mostLikely
        return lines.joined(separator: "\n")
    }

    private var evaluation: [String] {
        guard let figures else {
            return ["came true    no predictions whose \(horizon.days) days have passed: stream more events to see"]
        }
        var lines = ["came true    \(Self.text(figures)) whose \(horizon.days) days have passed"]
        if let unseenFigures {
            let day = EventTime.text(Self.trainedUntil(worker)).prefix(10)
            lines.append(
                "  new to it  \(Self.text(unseenFigures)) of these from \(day) on, where the model's training ended")
        }
        return lines
    }

    private var horizon: Horizon { worker.artifact.schema.horizon }

    private var mostLikely: [String] {
        // Customers who left long ago are not ranked: their scores are of long ago too.
        let lastTime = ranking.entries.map(\.time).max() ?? 0
        let current = ranking.entries.filter { $0.time + horizon.milliseconds > lastTime }
        return ["most likely to return, of \(current.count) customers seen in the last \(horizon.days) days:"]
            + current.prefix(10).map { entry in
                let padded = entry.customerID.padding(toLength: 12, withPad: " ", startingAt: 0)
                return "  \(padded) \(Self.fixed(entry.probability, 3))   last event \(EventTime.text(entry.time))"
            }
    }

    /// The serving model's figures; `nil` without predictions, or where all have the same label.
    private static func figures(_ grades: OnlineEvaluation) -> Metrics? {
        guard let version = grades.versions.first, let figures = version.figures[version.servingModel],
            figures.positiveRate > 0, figures.positiveRate < 1
        else { return nil }
        return figures
    }

    private static func text(_ figures: Metrics) -> String {
        "ROC-AUC \(fixed(figures.rocAUC, 3)), log loss \(fixed(figures.logLoss, 3)), "
            + "\(fixed(figures.positiveRate * 100, 1)) % bought again, over \(Int(figures.n)) predictions"
    }

    /// From this event time on, the model has not learned from what happened; milliseconds.
    private static func trainedUntil(_ worker: Worker) -> Int64 {
        EventTime.parse(worker.artifact.manifest.trainedUntil) ?? .max
    }

    private static func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
}
