import TestSupport
import Testing

/// The shipped chaos run in a shorter form: workers are killed while they score, beside a broker process.
@Suite(.serialized, .enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)))
struct ChaosTests {
    func chaos(_ arguments: [String]) throws -> Command {
        try Command(
            "scoring-worker",
            [
                "chaos", "--broker", BrokerProcess.command, "--models", Checkout.models, "--events", "25000", "--kills",
                "6",
                // This server keeps dead members in its groups, so that each has to come back under its own name; and it
                // forgets groups when it stops.
                "--outage", "--worker-set", "kafka_consumer.group.instance.id=w{worker}",
                "--worker-set", "kafka_consumer.partition.assignment.strategy=range",
            ] + arguments)
    }

    @Test(arguments: ["directory", "topic"])
    func everyEventHasThePredictionOfAReplayOnce(store: String) throws {
        let run = try chaos(["--store", store, "--seed", "7"])
        #expect(run.status == 0, "\(run.error)")
        #expect(run.output.hasPrefix("exactly once: "), "\(run.output)")
        #expect(
            run.output.contains("0 missing, 0 repeated, 0 not what a replay gives, 0 unexpected; 6 kills, 1 restarts"))
        #expect(run.error.contains("seed 7"))
    }

    @Test func findsWhatAtLeastOnceRepeats() throws {
        // So seldom committed that a kill is sure to find something that is published and not committed.
        let run = try chaos([
            "--guarantee", "at_least_once", "--broker-restarts", "0", "--worker-set", "commit.interval=20s",
        ])
        #expect(run.status == 1, "\(run.output)")
        #expect(run.output.hasPrefix("NOT exactly once: "), "\(run.output)")
        #expect(run.output.contains(" 0 missing, "))
    }
}
