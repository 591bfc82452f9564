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

    /// Messages that are taken through a stage together.
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

    private func measure(_ messages: Messages, _ artifact: ModelArtifact) throws -> [(String, Double)] {
        let decoder = EventDecoder()
        let extractor = FeatureExtractor(encoding: artifact.categoryEncoding)
        let encoder = PredictionEncoder(manifest: artifact.manifest, thresholds: PriorityThresholds())
        var workspace = Ensemble.Workspace(for: artifact.ensemble)
        var (table, plain) = (CustomerTable(), CustomerTable())
        var matrix = FeatureMatrix()
        var events: [CustomerEvent] = []
        events.reserveCapacity(Self.batch)
        var scores: [Scores] = []
        var labelJoin = LabelJoin(windowDays: 90, limit: messages.ends.count)
        labelJoin.use(
            LabelJoin.Version(
                version: artifact.manifest.version, servingModel: artifact.manifest.servingModel,
                models: artifact.ensemble.models))
        var graded = LabelJoin.Batch()
        let longest = CustomerEvent.identifierLimit
        let payload = UnsafeMutablePointer<UInt8>.allocate(
            capacity: encoder.room(customerIDCount: longest, invoiceNoCount: longest))
        defer { payload.deallocate() }
        var (decode, state, features, ensemble, encode, grading) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        var sum: UInt64 = 0
        let hash = seconds { messages.each { sum ^= contentHash($0) } }

        try messages.batches(of: Self.batch) { batch in
            // Texts with escapes are lent until the next message only; those few are left out.
            events.removeAll(keepingCapacity: true)
            decode += try seconds {
                for message in batch { events.append(try decoder.decode(message)) }
            }
            events.removeAll(where: \.isAnonymous)
            // State alone, in a table of its own, then with features: the difference is what features cost.
            let alone = seconds {
                for turn in events.indices {
                    plain.lookAhead(from: turn, count: events.count) { events[$0] }
                    plain.update(events[turn])
                }
            }
            matrix.removeAll()
            let both = seconds {
                for turn in events.indices {
                    table.lookAhead(from: turn, count: events.count) { events[$0] }
                    let customer = table.update(events[turn])
                    table.withState(at: customer) { extractor.append($0, to: &matrix) }
                }
            }
            state += alone
            features += both - alone
            ensemble += seconds { artifact.ensemble.score(matrix, into: &scores, workspace: &workspace) }
            encode += seconds {
                for (row, event) in events.enumerated() {
                    let end = encoder.write(
                        customerID: event.customerID, invoiceNo: event.invoiceNo, time: event.time, scores: scores[row],
                        isStateComplete: true, to: payload)
                    sum &+= UInt64(end - payload)
                }
            }
            let taken = labelJoin.nextOffset
            grading += seconds {
                labelJoin.begin(&graded)
                for (row, event) in events.enumerated() {
                    graded.append(
                        LabelJoin.Event(
                            customerHash: event.customerHash, invoiceHash: event.invoiceHash, time: event.time,
                            clock: event.time, isPurchase: event.isPurchase, scores: scores[row],
                            offset: taken + Int64(row)))
                }
                labelJoin.join(graded) { isBought, _, _ in sum &+= isBought ? 1 : 2 }
            }
        }
        var scorer = Scorer(artifact: artifact)
        var fresh = CustomerTable()
        let line = try seconds {
            try messages.batches(of: Self.batch) { batch in
                for (tag, message) in batch.enumerated() {
                    let event = try decoder.decode(message)
                    if !event.isAnonymous { scorer.add(event, tag: tag, to: &fresh) }
                }
                scorer.score { sum &+= UInt64($0.payload.count) }
            }
        }
        precondition(sum != 1)
        let scale = 1e9 / Double(messages.ends.count)
        return [
            ("hash", hash * scale), ("decode", decode * scale), ("state", state * scale),
            ("features", features * scale), ("ensemble", ensemble * scale), ("encode", encode * scale),
            ("the whole line", line * scale), ("grading", grading * scale),
        ]
    }
}
