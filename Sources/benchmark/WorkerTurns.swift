import Foundation
import FoundationNetworking
import Kafka
import LocalCluster
import Synchronization
import Worker

/// Two worker processes that run alternately on the same messages of the same broker: one runs while the other is
/// suspended.
///
/// On a shared machine, runs one after the other differ by more than the difference to be measured. Turns of half a second
/// find nearly the same conditions.
final class WorkerTurns {
    /// The measurements of a worker in a turn.
    struct Turn {
        let predictions: Int
        let seconds: Double
        let processorSeconds: Double

        var predictionsPerSecond: Double { Double(predictions) / seconds }
        var processorNanoseconds: Double { processorSeconds * 1e9 / Double(predictions) }
    }

    /// One turn of each worker, one after the other.
    struct Pair {
        let watched: Turn
        let unwatched: Turn
    }

    private static let turnSeconds = 0.5
    /// The predictions that both must have made before turns begin, and the share of all messages at which turns end, so that
    /// no worker runs out of messages.
    private static let lead = 50_000
    private static let end = 0.85

    private let broker: BenchmarkBroker
    private let settings: WorkerSettings
    private let configuration: [String]
    private let executable: String
    /// How many predictions the messages lead to.
    private let count: Int
    private let partitions: Int
    private let reader: Consumer

    /// - Parameter configuration: Arguments of both workers, which precede their own.
    init(
        command: String, settings: WorkerSettings, configuration: [String], partitions: Int, _ messages: Messages
    ) throws {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        executable = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("scoring-worker").path
        guard FileManager.default.isExecutableFile(atPath: executable) else {
            throw BenchmarkError(
                "\(executable) is not there; build it: swift build -c release --product scoring-worker")
        }
        broker = try BenchmarkBroker(command: command)
        self.settings = broker.settings(settings)
        self.configuration = configuration
        self.partitions = partitions
        reader = try Consumer(properties: self.settings.kafkaProperties.client.merging(["group.id": "turns"]) { $1 })
        try broker.create([settings.inputTopic], partitions: partitions)
        count = try broker.fill(settings.inputTopic, with: messages, settings: self.settings)
    }

    func close() {
        reader.close()
        broker.close()
    }

    /// Starts both workers at the beginning of the topic and alternates until one of them is near its end.
    func round(_ number: Int) throws -> [Pair] {
        let watchedPort = try LocalBroker.freePort()
        let dashboardPort = try LocalBroker.freePort()
        let watched = try Side(
            self, "watched-\(number)", ["http.port=\(watchedPort)", "http.dashboard_port=\(dashboardPort)"])
        let unwatched = try Side(
            self, "unwatched-\(number)", ["http.enabled=false", "grading.enabled=false", "drift.rows=0"])
        defer { for side in [watched, unwatched] { side.end() } }
        let visitor = Visitor(["\(watchedPort)/metrics", "\(dashboardPort)/v1/status"])
        let deadline = ContinuousClock.now + .seconds(60)
        while try min(watched.done(), unwatched.done()) < min(Self.lead, count / 10) {
            guard ContinuousClock.now < deadline else {
                throw BenchmarkError("the workers do not begin within a minute")
            }
            Thread.sleep(forTimeInterval: 0.05)
        }
        for side in [watched, unwatched] { side.worker.pause() }
        Thread.sleep(forTimeInterval: 0.3)
        for side in [watched, unwatched] { side.published = try side.done() }
        var pairs: [Pair] = []
        while Double(max(watched.published, unwatched.published)) < Double(count) * Self.end {
            // Which worker runs first alternates too. In half of the watched turns, both first and second ones, the servers are
            // asked: once in a second of the worker's running time.
            let visit = { if pairs.count / 2 % 2 == 0 { visitor.ask() } }
            if pairs.count % 2 == 0 {
                let first = try unwatched.turn {}
                pairs.append(Pair(watched: try watched.turn(visit), unwatched: first))
            } else {
                pairs.append(Pair(watched: try watched.turn(visit), unwatched: try unwatched.turn {}))
            }
        }
        guard visitor.answers > 0 else { throw BenchmarkError("the watched worker's servers have not answered") }
        // The first turns may still include some of the start-up.
        return Array(pairs.dropFirst(2))
    }

    /// One of the two.
    private final class Side {
        let worker: ChildProcess
        /// Predictions at the end of the previous turn.
        var published = 0
        private let turns: WorkerTurns
        private let output: String
        private let log: String

        init(_ turns: WorkerTurns, _ name: String, _ own: [String]) throws {
            self.turns = turns
            output = "output-\(name)"
            log = "\(turns.broker.directory)/\(name).log"
            let settings = turns.settings
            try turns.broker.create([output], partitions: turns.partitions)
            let values =
                [
                    "models=\(URL(fileURLWithPath: settings.models).path)", "group=\(name)",
                    "kafka.bootstrap.servers=\(turns.broker.bootstrapServers)", "kafka.security.protocol=plaintext",
                    "kafka_consumer.bootstrap.servers=\(turns.broker.bootstrapServers)",
                    "kafka_producer.bootstrap.servers=\(turns.broker.bootstrapServers)", "http.host=127.0.0.1",
                    "http.token=",
                    "output.features_topic=", "output.outcomes_topic=", "input.topic=\(settings.inputTopic)",
                    "output.topic=\(output)", "dead_letters.topic=",
                    "checkpoints.store=none", "processing.guarantee=at_least_once", "profile=throughput", "threads=1",
                    // Static membership and the range assignor work with every server.
                    "kafka_consumer.group.instance.id=\(name)", "kafka_consumer.partition.assignment.strategy=range",
                ] + own
            worker = try ChildProcess(
                [turns.executable, "run", "--log-level", "warning"] + turns.configuration
                    + values.flatMap { ["--set", $0] }, log: log)
        }

        /// Predictions that have arrived on the output topic.
        func done() throws -> Int {
            guard worker.isRunning else {
                throw BenchmarkError("a worker has ended: \((try? String(contentsOfFile: log, encoding: .utf8)) ?? "")")
            }
            return try (0..<Int32(turns.partitions)).reduce(0) { sum, partition in
                let partition = TopicPartition(topic: output, partition: partition)
                return sum + Int(try turns.reader.watermarks(of: partition, timeoutMilliseconds: 10_000).high)
            }
        }

        /// Runs for a turn while the other worker is suspended.
        func turn(_ meanwhile: () -> Void) throws -> Turn {
            let (start, processor) = (ContinuousClock.now, worker.processorSeconds)
            worker.resume()
            meanwhile()
            Thread.sleep(forTimeInterval: WorkerTurns.turnSeconds)
            worker.pause()
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            // Messages in flight still arrive at the broker; those that arrive later count in the next turn.
            Thread.sleep(forTimeInterval: 0.03)
            let now = try done()
            defer { published = now }
            guard now > published else { throw BenchmarkError("a worker has made no prediction in a turn") }
            return Turn(
                predictions: now - published, seconds: seconds, processorSeconds: worker.processorSeconds - processor)
        }

        func end() {
            worker.kill()
            turns.broker.delete(output)
        }
    }

    /// A client of a worker's servers.
    private final class Visitor: Sendable {
        private let addresses: [String]
        private let count = Atomic(0)
        private let queue = DispatchQueue(label: "visitor")

        init(_ paths: [String]) { addresses = paths.map { "http://127.0.0.1:\($0)" } }

        var answers: Int { count.load(ordering: .relaxed) }

        /// Sends all requests in the background; an answer may take until the next turn.
        func ask() {
            queue.async { [self] in
                for url in addresses.compactMap(URL.init(string:)) {
                    guard let answer = try? Data(contentsOf: url), !answer.isEmpty else { return }
                }
                count.add(1, ordering: .relaxed)
            }
        }
    }
}

/// Why a benchmark cannot be run, and what to do about it.
struct BenchmarkError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
