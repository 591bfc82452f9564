import Ensemble
import Events
import Features
import Foundation
import Kafka
import TestSupport
import Testing

/// The trainer as a job that CI runs: what it promotes, what it refuses, and how it says so.
@Suite(.waiting) struct RetrainTests {
    let directory: TemporaryDirectory
    let models: String
    let history: String
    var store: ArtifactStore { ArtifactStore(directory: models) }

    /// Base models small enough for a test.
    static let small = [
        "--set", "xgboost.rounds=20", "--set", "random_forest.trees=20", "--set",
        "folds=2", "--set", "backtest.origins=0",
    ]
    /// Base models that cannot tell customers apart.
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

    /// The model that the program comes with is of another shop: a shop's first own model takes its place.
    @Test func theExampleDoesNotStandInTheWay() throws {
        try FileManager.default.copyItem(atPath: Checkout.models, toPath: models)
        let example = try #require(store.current)
        #expect(store.servesExample)
        let first = try train(["--history", history])
        #expect(first.status == 0, "\(first.error) \(first.output)")
        #expect(first.output.contains("of another shop") && store.current != example && !store.servesExample)
        // Without the note that it is one, what is in service is a model of this shop.
        #expect(try Command("trainer", ["promote", "--models", models, example]).status == 0)
        try FileManager.default.removeItem(atPath: models + "/example")
        #expect(try train(["--history", history]).status == 4)
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

        // Somebody goes back: the job does not undo that.
        let second = try train(["--history", history, "--set", "seed=7"])
        #expect(second.status == 0 && second.output.contains("Promoted"))
        #expect(try Command("trainer", ["rollback", "--models", models]).status == 0)
        let third = try train(["--history", history, "--set", "seed=7"])
        #expect(third.status == 3 && third.output.contains("**not_rolled_back** does not hold"))
        #expect(store.current == good)

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

    @Test func learnsTheSameWhereverTheHistoryLiesAndWhoeverRunsIt() throws {
        #expect(try train(["--history", history]).status == 0)
        let version = try #require(store.current)
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: history)))
        let piped = try train(["--history", "-"], input: bytes)
        #expect(piped.output.contains("\(version) is in service already"), "\(piped.error)")

        // One thread, another time zone and language, another working directory.
        let elsewhere = try Command(
            "trainer", ["train", "--models", models, "--history", "h.ndjson", "--set", "threads=1"] + Self.small,
            environment: ["TZ": "Asia/Kathmandu", "LC_ALL": "de_DE.UTF-8"], in: directory.path)
        #expect(elsewhere.output.contains("\(version) is in service already"), "\(elsewhere.error)")

        let broker = try EmbeddedBroker()
        try broker.createTopic("events", partitions: 3)
        let brokers = ["--brokers", broker.bootstrapServers]
        let published = try Command("replay", ["publish", "--history", history, "--topic", "events"] + brokers)
        #expect(published.status == 0, "\(published.error)")
        let fromTopic = try train(["--from-topic", "events"] + brokers)
        #expect(fromTopic.output.contains("\(version) is in service already"), "\(fromTopic.error)\(fromTopic.output)")

        try Self.redriveFirst(of: "events", broker.bootstrapServers)
        let redriven = try train(["--from-topic", "events"] + brokers)
        #expect(
            redriven.output.contains("\(version) is in service already"),
            "a redriven event counts where its original stands: \(redriven.error)\(redriven.output)")

        let cut = try train(["--from-topic", "events", "--until", "2000"] + brokers)
        #expect(cut.status == 4, "\(cut.error)\(cut.output)")
    }

    /// Repeats the first messages of a topic's partition at its end, as `redrive` does.
    private static func redriveFirst(of topic: String, _ servers: String) throws {
        let consumer = try Consumer(properties: ["bootstrap.servers": servers, "group.id": "redrive-test"])
        defer { consumer.close() }
        let producer = try Producer(properties: ["bootstrap.servers": servers])
        defer { producer.close() }
        try consumer.assign([PartitionOffset(topic: topic, partition: 0, offset: 0)])
        let batch = MessageBatch(capacity: 5)
        let deadline = ContinuousClock.now + .seconds(30)
        while batch.isEmpty, ContinuousClock.now < deadline { try consumer.poll(into: batch, timeoutMilliseconds: 100) }
        try #require(!batch.isEmpty)
        for position in 0..<batch.count {
            let message = batch[position]
            try producer.produce(
                to: producer.topic(named: topic), partition: 0, key: message.key, value: message.value,
                headers: [Header("redriven.offset", "\(message.offset)")])
        }
        try producer.flush(timeoutMilliseconds: 10_000)
    }

    @Test func twoJobsAtOnceDoNotGetInEachOthersWay() async throws {
        let arguments = ["train", "--models", models, "--history", history] + Self.small
        let jobs = try await withThrowingTaskGroup(of: Command.self) { group in
            for _ in 0..<2 { group.addTask { try Command("trainer", arguments) } }
            return try await group.reduce(into: [Command]()) { $0.append($1) }
        }
        let current = try #require(store.current)
        _ = try ModelArtifact(path: models)
        #expect(store.versions == [current] && store.promotions.count == 1)
        // The second finds another champion than it began with.
        #expect(jobs.map(\.status).sorted() == [0, 3] || jobs.map(\.status) == [0, 0], "\(jobs.map(\.error))")
    }

    @Test func refusesWhatItCannotCompareWith() throws {
        #expect(try train(["--history", history]).status == 0)
        let current = try #require(store.current)
        try Data([1]).write(to: URL(fileURLWithPath: "\(models)/\(current)/xgboost.ubj"))
        let next = try train(["--history", history, "--set", "seed=9"])
        #expect(next.status == 3 && next.output.contains("**champion_readable** does not hold"))
        try FileManager.default.removeItem(atPath: models + "/current")
        try FileManager.default.createDirectory(atPath: models + "/current", withIntermediateDirectories: true)
        let copied = try train(["--history", history])
        #expect(copied.status == 1 && copied.error.contains("current: is no link"))
    }

    /// What is served was trained on all examples; the metrics are of a holdout model that has not seen TEST.
    @Test func refitsForServiceAndKeepsTheHoldoutModelThatWasEvaluated() throws {
        #expect(try train(["--history", history]).status == 0)
        let plain = try ModelArtifact(path: models)
        let refit = try train(["--history", history, "--refit"])
        #expect(refit.status == 0, "\(refit.error)")
        #expect(refit.output.contains("all figures here are of its twin"))
        let artifact = try ModelArtifact(path: models)
        #expect(artifact.manifest.version != plain.manifest.version)
        #expect(artifact.manifest.trainedUntil == artifact.manifest.history.lastEvent)
        #expect(artifact.manifest.trainingExamples > plain.manifest.trainingExamples)
        #expect(artifact.results == plain.results)

        // The holdout model is what was trained without refit.
        let holdout = try artifact.evaluated()
        #expect(holdout.trainedUntil == plain.manifest.trainedUntil)
        var matrix = FeatureMatrix()
        for row in artifact.manifest.goldenRows {
            matrix.append(row: row.features.map { $0.map { Float($0) } ?? .nan }[...])
        }
        func scores(_ ensemble: Ensemble) -> [Scores] {
            var scores: [Scores] = []
            var workspace = Ensemble.Workspace(for: ensemble)
            ensemble.score(matrix, into: &scores, workspace: &workspace)
            return scores
        }
        #expect(scores(holdout.ensemble) == scores(plain.ensemble))
        #expect(scores(artifact.ensemble) != scores(plain.ensemble))

        // Its figures can be had again, and a challenger is held against it.
        let judged = try Command("trainer", ["evaluate", "--history", history, "--models", models, "--json"])
        #expect(Array(judged.output.utf8) == artifact.results, "\(judged.error)")
        let next = try train(["--history", history, "--refit", "--set", "seed=3"])
        #expect(next.output.contains("figures are those of its evaluated twin"))
        #expect(next.status == 0, "\(next.output)")
        // What has seen less does not take its place, however good its figures are.
        let older = try train(["--history", history, "--set", "seed=4"])
        #expect(older.status == 3 && older.output.contains("**not_older** does not hold"))
    }

    @Test func tunesWithinABudgetAndGoesOnWhereItWas() throws {
        func tune(_ trials: Int, _ file: String, _ others: [String] = []) throws -> Command {
            try Command(
                "trainer",
                ["tune", "--history", history, "--results", "\(directory.path)/\(file)", "--trials", "\(trials)"]
                    + Self.small + ["--set", "tuning.origins=1", "--set", "tuning.ranges.xgboost.rounds=5..30"]
                    + others)
        }
        let whole = try tune(3, "whole.ndjson")
        #expect(whole.status == 0, "\(whole.error)")
        #expect(try tune(2, "parts.ndjson").status == 0)
        // Cut off in the middle of a line.
        let path = directory.path + "/parts.ndjson"
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        try bytes.dropLast(40).write(to: URL(fileURLWithPath: path))
        let parts = try tune(3, "parts.ndjson")
        #expect(parts.output == whole.output)
        #expect(
            try String(contentsOfFile: path, encoding: .utf8)
                == String(contentsOfFile: directory.path + "/whole.ndjson", encoding: .utf8))
        let other = try tune(3, "parts.ndjson", ["--set", "seed=5"])
        #expect(other.status == 1 && other.error.contains("name another file"))
        #expect(try tune(3, "bad.ndjson", ["--set", "tuning.ranges.xgboost.rounds=many"]).status == 2)
        #expect(try tune(3, "bad.ndjson", ["--set", "tuning.ranges.xgboost.max_depth=2..99"]).status == 2)
    }

    @Test func exportsExamplesThatReadBack() throws {
        let table = directory.path + "/examples.csv"
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
