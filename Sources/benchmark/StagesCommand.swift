import ArgumentParser
import Console
import Customers
import Ensemble
import Events
import Features
import Foundation
import Monitoring
import Scoring

struct StagesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stages",
        abstract: "Where a message's time goes between its bytes and its prediction's, stage by stage.")

    @Option(help: "History whose messages are scored. Without one a shop is made up.")
    var history: String?

    @Option(help: "Directory of model artifacts.")
    var models = "models"

    @Option(help: "Messages.")
    var messages = 200_000

    @Option(help: "How often each event of the history stands there, each time of a customer of its own.")
    var copies = 1

    @OptionGroup var measurement: MeasurementOptions

    /// Messages that pass through a stage together.
    private static let batch = 1024

    func run() throws {
        try reportingFailures {
            let progress = Progress()
            progress.show("making messages")
            let messages = try Messages(history: history, limit: messages, copies: copies)
            let artifact = try ModelArtifact(path: models)
            var times: [String: [Double]] = [:]
            for round in 0..<measurement.repetitions {
                progress.show("scoring", share: Double(round) / Double(measurement.repetitions))
                for (name, nanoseconds) in try measure(messages, artifact) {
                    times[name, default: []].append(nanoseconds)
                }
            }
            progress.finish()
            let hash = Figure("reading each message's bytes once (XXH64)", unit: "ns/message", times["hash"] ?? [])
            let stages = ["decode", "state", "features", "ensemble", "encode", "the whole line", "grading"]
            let figures = stages.map { Figure($0, unit: "ns/message", times[$0] ?? []).relative(to: hash) }
            try ([hash] + figures).write(asJSON: measurement.json)
        }
    }

    /// - Returns: The stages' names, each with its nanoseconds a message.
    private func measure(_ messages: Messages, _ artifact: ModelArtifact) throws -> [(String, Double)] {
        let decoder = EventDecoder()
        let extractor = artifact.makeExtractor()
        let encoder = PredictionEncoder(manifest: artifact.manifest, thresholds: PriorityThresholds())
        var workspace = Ensemble.Workspace(for: artifact.ensemble)
        var (table, plainTable) = (CustomerTable(), CustomerTable())
        var matrix = FeatureMatrix()
        var (events, scores): ([CustomerEvent], [Scores]) = ([], [])
        var labelJoin = LabelJoin(horizon: artifact.schema.horizon, windowDays: 90, limit: messages.ends.count)
        labelJoin.use(
            LabelJoin.Version(
                version: artifact.manifest.version, servingModel: artifact.manifest.servingModel,
                models: artifact.ensemble.models))
        var joined = LabelJoin.Batch()
        let longest = CustomerEvent.identifierLimit
        let payload = UnsafeMutablePointer<UInt8>.allocate(
            capacity: encoder.room(customerIDCount: longest, invoiceNoCount: longest))
        defer { payload.deallocate() }
        var (decode, state, features, ensemble, encode, grading) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        var sum: UInt64 = 0
        let hash = seconds { messages.each { sum ^= contentHash($0) } }
        try messages.batches(of: Self.batch) { batch in
            decode += try Stage.decode(batch, decoder, into: &events)
            // State alone, in a table of its own, then with features: the difference is what features cost.
            let alone = Stage.state(events, &plainTable)
            state += alone
            features += Stage.stateAndFeatures(events, &table, extractor, into: &matrix) - alone
            ensemble += seconds { artifact.ensemble.score(matrix, into: &scores, workspace: &workspace) }
            encode += Stage.encode(events, scores, encoder, to: payload, &sum)
            grading += Stage.labelJoin(events, scores, &labelJoin, &joined, &sum)
        }
        let line = try wholeLine(messages, artifact)
        // Without a use of the sum the compiler could leave work out.
        precondition(sum != 1)
        let scale = 1e9 / Double(messages.ends.count)
        return [
            ("hash", hash * scale), ("decode", decode * scale), ("state", state * scale),
            ("features", features * scale), ("ensemble", ensemble * scale), ("encode", encode * scale),
            ("the whole line", line * scale), ("grading", grading * scale),
        ]
    }

    /// Seconds from the messages' bytes to the predictions' payloads.
    private func wholeLine(_ messages: Messages, _ artifact: ModelArtifact) throws -> Double {
        let decoder = EventDecoder()
        var scorer = Scorer(artifact: artifact)
        var table = CustomerTable()
        var bytes = 0
        let line = try seconds {
            try messages.batches(of: Self.batch) { batch in
                for (tag, message) in batch.enumerated() {
                    let event = try decoder.event(in: message)
                    if !event.isAnonymous { scorer.add(event, tag: tag, to: &table) }
                }
                scorer.score { bytes += $0.payload.count }
            }
        }
        precondition(bytes > 0)
        return line
    }
}
