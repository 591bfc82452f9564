import ArgumentParser
import Console
import Ensemble
import Events
import Foundation
import Kafka
import Monitoring
import Pipeline
import Scoring
import Topics
import Worker

struct ModelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models", abstract: "Holds models against each other.", subcommands: [Compare.self])

    struct Compare: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What another model would change: both score the same rows.",
            discussion: """
                Exits with 1 when that is beyond the limits of blast_radius, which is when a worker would refuse the model. Nothing is \
                promoted.
                """)

        @Argument(help: "The present model: a version in the configuration's models, or an artifact's directory.")
        var present: String

        @Argument(help: "The other model.")
        var other: String

        @Option(
            help: ArgumentHelp(
                "File of events: CSV or NDJSON, plain or gzip; repeated, or with a pattern. Unless given, the input topic is read.",
                valueName: "file"))
        var history: [String] = []

        @Option(help: "Latest rows that are scored, one event in 16.")
        var rows = 10_000

        @OptionGroup var configuration: ConfigurationOptions

        func validate() throws {
            guard (1...10_000_000).contains(rows) else { throw ValidationError("--rows must be 1 to 10000000") }
        }

        func run() async throws {
            try await reportingFailuresAsync {
                let settings = try WorkerSettings(configuration.reader(for: .worker))
                let before = try artifact(present, settings)
                let after = try artifact(other, settings)
                let progress = Progress()
                let recent = try latestRows(settings, before, progress)
                progress.finish()
                let radius = try BlastRadius(recent, from: before, to: after, settings.thresholds)
                let comparison = ModelComparison(radius, settings.blastRadiusLimits)
                try output(ComparisonText.lines(comparison).joined(separator: "\n") + "\n")
                if !comparison.exceeded.isEmpty { throw ExitCode(1) }
            }
        }

        private func artifact(_ name: String, _ settings: WorkerSettings) throws -> ModelArtifact {
            let isPath = name.contains("/") || FileManager.default.fileExists(atPath: name)
            return try ModelLoader(settings: settings).artifact(at: isPath ? name : "\(settings.models)/\(name)")
        }

        /// Takes all events into state, as the worker does, and keeps the rows of the latest.
        private func latestRows(
            _ settings: WorkerSettings, _ artifact: ModelArtifact, _ progress: Console.Progress
        ) throws -> RecentRows.Snapshot {
            let opened = try open(settings, progress)
            return try withExtendedLifetime(opened) {
                let pipeline = ScoringPipeline(
                    decoder: EventDecoder(format: settings.events), scorer: Scorer(artifact: artifact),
                    monitor: PredictionMonitor(recentRows: rows))
                let partition = PartitionState(timeToLiveDays: settings.timeToLiveDays)
                let (reader, sink) = (try opened.history.merged(), NoSink())
                var events = 0
                while let event = try reader.next() {
                    events += 1
                    if event.isAnonymous { continue }
                    pipeline.take(event, isLastOfMessage: reader.isLastOfMessage, into: partition)
                    guard pipeline.takenCount == settings.batchMessages else { continue }
                    _ = try pipeline.publishTaken(of: partition, into: sink)
                    progress.show("taking the events into state", detail: "\(events) events", share: reader.share)
                }
                _ = try pipeline.publishTaken(of: partition, into: sink)
                return pipeline.recentRows
            }
        }

        private func open(_ settings: WorkerSettings, _ progress: Console.Progress) throws -> OpenedHistory {
            guard history.isEmpty else {
                return OpenedHistory(
                    history: try History(patterns: history, format: settings.events), skipped: 0, files: [])
            }
            return try TopicHistory(topic: settings.inputTopic, properties: settings.kafkaProperties.client)
                .read(format: settings.events) { read, all in
                    progress.show(
                        "reading \(settings.inputTopic)", detail: "\(read) messages",
                        share: Double(read) / Double(all))
                }
        }
    }
}

/// Nobody reads these predictions.
private final class NoSink: RecordSink {
    func publish(_ prediction: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) {}
    func reject(_ rejected: [RejectedMessage], live: Int) {}
}

/// A comparison to read on a terminal.
private enum ComparisonText {
    static func lines(_ comparison: ModelComparison) -> [String] {
        let radius = comparison.radius
        let all = radius.all
        var lines = [
            "\(radius.before.version) (\(radius.before.servingModel.rawValue)) → "
                + "\(radius.after.version) (\(radius.after.servingModel.rawValue))"
        ]
        guard all.rows > 0 else { return lines + ["There are no predictions to hold them against each other."] }
        lines += [
            "\(all.rows) rows of \(EventTime.text(radius.from)) to \(EventTime.text(radius.to))", "",
            "score shift (stability index)   \(figure(all.stabilityIndex, 4))",
            "priorities that change          \(percent(all.flippedShare))",
            "mean probability                \(percent(all.meanBefore)) → \(percent(all.meanAfter))",
            "base of the log-odds            \(base(radius.before)) → \(base(radius.after))", "",
            row("predictions of priority", "before", "after", "change", "a day before", "a day after"),
        ]
        let perDay = radius.predictionsPerDay / Double(all.rows)
        for (place, priority) in Priority.allCases.enumerated() {
            let (before, after) = (all.before(place), all.after(place))
            lines.append(
                row(
                    priority.rawValue, "\(before)", "\(after)",
                    signedPercent(BlastRadiusLimits.volumeChange(all, place)),
                    figure(Double(before) * perDay, 1), figure(Double(after) * perDay, 1)))
        }
        lines += ["", row("slice", "rows", "shift", "flips", "mean before", "mean after")]
        for slice in radius.slices {
            let figures = slice.figures
            lines.append(
                row(
                    "\(slice.group): \(slice.name)", "\(figures.rows)", figure(figures.stabilityIndex, 4),
                    percent(figures.flippedShare), percent(figures.meanBefore), percent(figures.meanAfter)))
        }
        if !radius.movers.isEmpty { lines += ["", "What moves most, and the features that move it (log-odds):"] }
        for mover in radius.movers {
            let reasons = (mover.reasons ?? []).map {
                "\($0.feature) \(signed($0.before)) → \(signed($0.after))"
            }
            lines.append(
                "  \(mover.customerID) at \(EventTime.text(mover.time)): \(percent(mover.before)) → \(percent(mover.after))"
                    + (reasons.isEmpty ? "" : "  " + reasons.joined(separator: ", ")))
        }
        lines.append("")
        if !comparison.isJudged {
            lines.append("Too few rows to hold them against the limits: \(ModelComparison.leastRows) are needed.")
        } else if comparison.exceeded.isEmpty {
            lines.append("All of it is within the limits.")
        } else {
            lines.append("Beyond the limits: \(comparison.exceeded.joined(separator: "; ")).")
        }
        return lines
    }

    private static func base(_ model: BlastRadius.Model) -> String { model.baseLogOdds.map(signed) ?? "not known" }

    private static func row(_ name: String, _ cells: String...) -> String {
        name.padding(toLength: 30, withPad: " ", startingAt: 0)
            + cells.map { String(repeating: " ", count: max(1, 13 - $0.count)) + $0 }.joined()
    }

    private static func figure(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
    private static func percent(_ share: Double) -> String { figure(share * 100, 1) + " %" }
    private static func signedPercent(_ share: Double) -> String { String(format: "%+.1f %%", share * 100) }
    private static func signed(_ value: Double) -> String { String(format: "%+.2f", value) }
}
