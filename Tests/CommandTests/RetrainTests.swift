import Ensemble
import Events
import Foundation
import Kafka
import TestSupport
import Testing

/// The trainer as a job that CI runs: what it promotes, what it refuses, and how it says so.
@Suite(.serialized) struct RetrainTests {
    let directory: TemporaryDirectory
    let models: String
    let history: String
    var store: ArtifactStore { ArtifactStore(directory: models) }

    /// Members small enough for a test.
    static let small = [
        "--set", "xgboost.rounds=20", "--set", "random_forest.trees=20", "--set",
        "folds=2", "--set", "backtest.origins=0",
    ]
    /// Members that cannot tell customers apart.
    static let poor = [
        "--set", "xgboost.rounds=1", "--set", "xgboost.max_depth=1", "--set", "random_forest.trees=1", "--set",
        "random_forest.max_depth=1", "--set", "logistic_regression.ridge=1000",
    ]

    init() throws {
        directory = try TemporaryDirectory()
        models = directory.path + "/models"
        history = directory.path + "/h.ndjson"
        let arguments = ["generate", "--customers", "400", "--days", "330", "--seed", "3", "--output", history]
        #expect(try Command("replay", arguments + ["--format", "ndjson"]).status == 0)
    }

    private func train(_ others: [String], input: [UInt8]? = nil) throws -> Command {
        try Command("trainer", ["train", "--models", models] + Self.small + others, input: input)
    }

    @Test func promotesWhatIsGoodAndRefusesWhatIsWorse() throws {
        let report = directory.path + "/report"
        let first = try train(["--history", history, "--report", report])
        #expect(first.status == 0, "\(first.error)")
        #expect(first.output.contains("is in service."))
        #expect(first.output.contains("judged alone"))
        let good = try #require(store.current)
        let page = try String(contentsOfFile: report + "/report.html", encoding: .utf8)
        #expect(page.contains("<svg") && page.contains(good))
        #expect(!page.contains("http://") && !page.contains("https://") && !page.contains("<script"))
        #expect(try String(contentsOfFile: report + "/report.md", encoding: .utf8) == first.output)

        let again = try train(["--history", history])
        #expect(again.status == 0)
        #expect(again.output.contains("in service already"))

        let refused = try train(["--history", history] + Self.poor)
        #expect(refused.status == 3, "\(refused.error)")
        #expect(refused.output.contains("Refused:") && refused.output.contains("**max_roc_auc_loss** does not hold"))
        #expect(store.current == good)
        let worse = try #require(store.versions.first { $0 != good })

        let dry = try train(["--history", history, "--dry-run", "--set", "seed=7"])
        #expect(dry.status == 0, "\(dry.output)")
        #expect(dry.output.contains("would be promoted"))
        #expect(store.current == good && store.versions.count == 3)

        // By hand.
        #expect(try Command("trainer", ["promote", "--models", models, worse]).status == 0)
        #expect(store.current == worse)
        let list = try Command("trainer", ["list", "--models", models]).output
        #expect(list.contains("\(worse)  current") && list.contains("\(good)  previous"))
        #expect(try Command("trainer", ["rollback", "--models", models]).status == 0)
        #expect(store.current == good)
        let card = try Command("trainer", ["inspect", "--models", models, worse]).output
        #expect(card.contains("# Model card") && card.contains("## What moves it"))
        #expect(try Command("trainer", ["promote", "--models", models, "none"]).status == 1)
    }

    @Test func stopsAtBadDataAndBadUsage() throws {
        let bad = directory.path + "/bad.ndjson"
        let lines = try String(contentsOfFile: history, encoding: .utf8)
        // Nine tenths of the customers' names are lost.
        var number = 0
        let poisoned = lines.split(separator: "\n").map { line -> String in
            number += 1
            if number % 10 == 0 { return String(line) }
            return String(line.replacing(/"customer_id":"[^"]*"/, with: #""customer_id":null"#))
        }
        try poisoned.joined(separator: "\n").write(toFile: bad, atomically: true, encoding: .utf8)
        let anonymous = try train(["--history", bad])
        #expect(anonymous.status == 4, "\(anonymous.error)")
        #expect(anonymous.output.contains("Bad data: nothing was trained"))
        #expect(anonymous.output.contains("error, **max_anonymous_share**: 9"))

        try (lines + "{\"customer_id\":17}\n").write(toFile: bad, atomically: true, encoding: .utf8)
        let broken = try train(["--history", bad])
        #expect(broken.status == 4)
        #expect(broken.error.contains("bad.ndjson:"))

        #expect(try train(["--history", "/nowhere/history.csv"]).status == 2)
        #expect(try train(["--history", history, "--set", "gate.min_roc_auc=2"]).status == 2)
        #expect(try Command("trainer", ["train", "--models", models]).status == 64)
        #expect(!FileManager.default.fileExists(atPath: models))
    }

    @Test func learnsTheSameFromStandardInputAndFromATopic() throws {
        #expect(try train(["--history", history]).status == 0)
        let version = try #require(store.current)
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: history)))
        let piped = try train(["--history", "-"], input: bytes)
        #expect(piped.output.contains("\(version) is in service already"), "\(piped.error)")

        let broker = try EmbeddedBroker()
        try broker.createTopic("events", partitions: 3)
        let brokers = ["--brokers", broker.bootstrapServers]
        let published = try Command("replay", ["publish", "--history", history, "--topic", "events"] + brokers)
        #expect(published.status == 0, "\(published.error)")
        let fromTopic = try train(["--from-topic", "events"] + brokers)
        #expect(fromTopic.output.contains("\(version) is in service already"), "\(fromTopic.error)\(fromTopic.output)")

        let cut = try train(["--from-topic", "events", "--until", "2000"] + brokers)
        #expect(cut.status != 0 || !cut.output.contains(version))
        let absent = try train(["--from-topic", "none"] + brokers)
        #expect(absent.status == 1 && absent.error.contains("there is no topic none"))
    }

    @Test func exportsPointsThatReadBack() throws {
        let table = directory.path + "/points.csv"
        #expect(try Command("trainer", ["export", "--history", history, "--output", table]).status == 0)
        let lines = try String(contentsOfFile: table, encoding: .utf8).split(separator: "\n")
        let header = lines[0].split(separator: ",").map(String.init)
        #expect(header.prefix(7) == ["split", "kind", "customer_id", "time", "label", "weight", "recency_days"])
        let artifactFeatures = try ModelArtifact(path: Checkout.models).manifest.features
        #expect(Array(header[6...]) == artifactFeatures)
        #expect(lines.count > 5000)
        let kinds = Set(lines.dropFirst().map { $0.split(separator: ",")[1] })
        #expect(kinds == ["event", "invoice", "snapshot"])
        #expect(lines.dropFirst().allSatisfy { $0.count { $0 == "," } == header.count - 1 })
    }
}
