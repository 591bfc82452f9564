import TestSupport
import Testing

/// The shipped chaos run in a shorter form: workers are killed while they score, beside a broker process.
@Suite(.waiting, .enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)))
struct ChaosTests {
    func chaos(kills: Int, events: Int, _ arguments: [String]) throws -> Command {
        try Command(
            "scoring-worker",
            [
                "chaos", "--broker", BrokerProcess.command, "--events", "\(events)", "--kills", "\(kills)",
                // This server keeps dead members in its groups, so that each has to come back under its own name; and it
                // forgets groups when it stops.
                "--outage", "--worker-set", "kafka_consumer.group.instance.id=w{worker}",
                "--worker-set", "kafka_consumer.partition.assignment.strategy=range",
            ] + (arguments.contains("--models") ? [] : ["--models", Checkout.models]) + arguments)
    }

    /// The model in service changes between the kills, and each prediction is byte for byte what the version that it names
    /// gives offline.
    func expectExactlyOnceWithModels(kills: Int, events: Int, store: String) throws {
        let directory = try TemporaryDirectory()
        try OtherModel.add(to: directory.path, version: "second", serving: .logisticRegression)
        try OtherModel.add(to: directory.path, version: "third", serving: .randomForest, isCurrent: false)
        try expectExactlyOnce(
            store: store, kills: kills, events: events,
            [
                "--models", Checkout.models, "--models", "\(directory.path)/second", "--models",
                "\(directory.path)/third", "--set", "rescoring.every=7d",
            ]
        ) { output in
            let found = try #require(output.firstMatch(of: #/(\d+) changes of the model \((\d+), (\d+), (\d+) pred/#))
            #expect(Int(found.1) == kills / 2)
            // A change may come too late for the last events, where the machine is busy.
            #expect([found.2, found.3, found.4].count { Int($0)! > 0 } >= 2, "\(output)")
        }
    }

    @Test func modelsChangeBetweenKills() throws {
        try expectExactlyOnceWithModels(kills: 4, events: 6000, store: "topic")
    }

    /// Customers are due at every midnight, also while partitions go from one worker to another.
    @Test func dueCustomersHaveOnePredictionEach() throws {
        try expectExactlyOnce(store: "topic", kills: 4, events: 8000, ["--set", "rescoring.every=1d"]) { output in
            let found = try #require(output.firstMatch(of: #/and (\d+) due customers/#))
            #expect(Int(found.1)! > 5000, "\(output)")
        }
    }

    @Test(.night, arguments: ["directory", "topic"]) func dueCustomersThroughManyKills(store: String) throws {
        try expectExactlyOnce(store: store, kills: 20, events: 60_000, ["--set", "rescoring.every=1d"])
    }

    @Test(.night) func modelsChangeBetweenManyKills() throws {
        try expectExactlyOnceWithModels(kills: 20, events: 60_000, store: "directory")
    }

    func expectExactlyOnce(
        store: String, kills: Int, events: Int, _ more: [String] = [], _ check: (String) throws -> Void = { _ in }
    ) throws {
        let run = try chaos(kills: kills, events: events, ["--store", store, "--seed", "7"] + more)
        #expect(run.status == 0, "\(run.error)")
        #expect(run.output.hasPrefix("exactly once: "), "\(run.output)")
        #expect(
            run.output.contains(
                "0 missing, 0 repeated, 0 not what a replay gives, 0 unexpected; \(kills) kills, 1 restarts"))
        #expect(run.error.contains("seed 7"))
        try check(run.output)
    }

    @Test func everyEventHasThePredictionOfAReplayOnce() throws {
        try expectExactlyOnce(store: "topic", kills: 3, events: 8000)
    }

    /// An order's lines are in one message: all of its predictions are committed or none is.
    @Test func everyLineOfAnOrderHasThePredictionOfAReplayOnce() throws {
        try expectExactlyOnce(
            store: "directory", kills: 2, events: 1500,
            ["--set", "events.lines=items", "--set", "events.predictions=line"])
    }

    @Test(.night, arguments: ["message", "line"]) func ordersThroughMoreKills(predictions: String) throws {
        try expectExactlyOnce(
            store: "topic", kills: 20, events: 6000,
            ["--set", "events.lines=items", "--set", "events.predictions=\(predictions)"])
    }

    @Test(.night, arguments: ["directory", "topic"]) func throughMoreKills(store: String) throws {
        try expectExactlyOnce(store: store, kills: 20, events: 60_000)
    }

    @Test(.night) func findsWhatAtLeastOnceRepeats() throws {
        // So seldom committed that a kill is sure to find something that is published and not committed.
        let run = try chaos(
            kills: 6, events: 25_000,
            ["--guarantee", "at_least_once", "--broker-restarts", "0", "--worker-set", "commit.interval=20s"])
        #expect(run.status == 1, "\(run.output)")
        #expect(run.output.hasPrefix("NOT exactly once: "), "\(run.output)")
        #expect(run.output.contains(" 0 missing, "))
    }

    @Test func workersThatCannotStartEndTheRunWithTheirReason() throws {
        let run = try chaos(kills: 3, events: 1000, ["--worker-set", "commit.intervall=1s"])
        #expect(run.status == 1, "\(run.output)")
        #expect(run.error.contains("worker 0 has ended by itself"), "\(run.error)")
        #expect(run.error.contains("commit.intervall"), "the worker's own words: \(run.error)")
    }
}
