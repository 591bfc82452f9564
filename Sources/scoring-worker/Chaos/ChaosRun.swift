import Console
import Customers
import Ensemble
import Events
import Foundation
import Inspection
import Kafka
import LocalCluster
import Scoring
import Worker

/// One run: publishes a history piece by piece, kills workers and restarts the broker between the pieces, and then reads
/// the committed predictions.
final class ChaosRun {
    private let command: ChaosCommand
    private let settings: WorkerSettings
    private let directory: String
    private let formatPath: String
    private let broker: LocalBroker
    private var models: ChaosModels
    private var random: SplitMix64
    private var workers: [ChildProcess?]
    private var starts = 0
    private var expectation: ExpectedPredictions
    private let progress = Progress()
    private let started = ContinuousClock.now
    private var verdict = (kills: 0, brokerRestarts: 0, failedStops: 0)

    init(command: ChaosCommand, settings: WorkerSettings) throws {
        self.command = command
        random = SplitMix64(seed: command.seed)
        let directory = NSTemporaryDirectory() + "/chaos-\(getpid())"
        self.directory = directory
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        models = try ChaosModels(command.models.isEmpty ? [settings.models] : command.models, in: directory)
        broker = try LocalBroker(command: command.broker, directory: directory)
        var settings = settings
        settings.models = models.directory
        settings.confine(to: broker.bootstrapServers)
        settings.kafkaProducer["compression.type"] = "zstd"
        settings.deadLetterTopic = "dead-letters"
        if models.artifacts.count > 2 { settings.challengersTopic = "challengers" }
        self.settings = settings
        // Workers understand messages as the run itself does.
        formatPath = "\(directory)/format.yaml"
        try settings.events.configurationSections().write(toFile: formatPath, atomically: true, encoding: .utf8)
        workers = [ChildProcess?](repeating: nil, count: command.workers)
        expectation = ExpectedPredictions(partitions: command.partitions)
    }

    func run() throws -> ExpectedPredictions.Verdict {
        var isClean = false
        defer {
            workers = []
            broker.stop()
            // After a failure the logs are kept.
            if isClean {
                try? FileManager.default.removeItem(atPath: directory)
            } else {
                printInfo("logs of the workers and the broker are in \(directory)")
            }
        }
        try broker.create(
            [settings.inputTopic, settings.outputTopic, "dead-letters"] + [settings.challengersTopic].compactMap { $0 },
            partitions: command.partitions)
        let group = try GroupProgress(settings: settings, partitions: command.partitions)
        defer { group.close() }
        var pieces = try PieceSource(command: command, settings: settings, models: models.artifacts)
        // The others join a group that is at work: some servers never get over several members that come first together.
        try start(0)
        try pieces.publish(share: 0, &expectation)
        try wait(for: 1, of: group, seconds: 60)
        guard group.committed > 0 else {
            throw ChaosError("no worker has committed anything within a minute; \(stateOfWorkers)")
        }
        for number in workers.indices.dropFirst() { try start(number) }

        let steps = command.kills
        for step in 0..<steps {
            try pieces.publish(share: Double(step + 1) / Double(steps + 1), &expectation)
            progress.show(
                "kill \(step + 1) of \(steps)",
                detail: "\(group.committed) of \(expectation.published) events committed, \(running) workers")
            // Mostly waits until the group makes progress again; otherwise the kill may hit a rebalance or a restore.
            if random.uniform() < 0.7 { try wait(for: group.committed + 1, of: group, seconds: 40) }
            Thread.sleep(forTimeInterval: 1.5 * random.uniform())
            let dueRestarts = (command.brokerRestarts + 1) * (step + 1) / (steps + 1)
            if verdict.brokerRestarts < min(dueRestarts, command.brokerRestarts) { try restartBroker() }
            if step % 2 == 1 { try models.change() }
            try disturb()
        }
        try pieces.publish(share: 1, &expectation)
        for number in workers.indices where workers[number] == nil { try start(number) }
        let unfinished = try finish(group)
        for worker in workers.compactMap({ $0 }) where !worker.stop(seconds: 40) { verdict.failedStops += 1 }
        workers = []
        if command.outage {
            // Such a server may also keep open transactions of killed workers. What it has acknowledged must be on disk.
            Thread.sleep(forTimeInterval: Self.saveSeconds)
            broker.stop()
            try broker.start()
        }
        progress.show("reading the predictions")
        try OutputReader(settings: settings, topic: settings.outputTopic, partitions: command.partitions).readAll {
            expectation.compare($0, payload: $1)
        }
        if let topic = settings.challengersTopic {
            try OutputReader(settings: settings, topic: topic, partitions: command.partitions).readAll {
                expectation.compare(challenger: $0, payload: $1)
            }
        }
        progress.finish()
        var result = expectation.finish()
        (result.kills, result.brokerRestarts, result.failedStops) = verdict
        (result.models, result.modelChanges) = (models.artifacts.count, models.changes)
        result.unfinished = unfinished
        result.seconds = (ContinuousClock.now - started) / .seconds(1)
        isClean = result.isClean
        return result
    }

    /// Waits until everything is committed, as long as the group makes progress.
    /// - Returns: how far it came and how the workers stand, if it stopped making progress.
    private func finish(_ group: GroupProgress) throws -> String? {
        while group.committed < expectation.published {
            progress.show(
                "waiting for the rest", detail: "\(group.committed) of \(expectation.published) events committed")
            let before = group.committed
            try wait(for: before + 1, of: group, seconds: 90)
            guard group.committed > before else {
                return "\(before) of \(expectation.published) events committed, and no more in 90 s; behind: "
                    + "\(group.behind(expectation.payloads.map(\.count))); \(stateOfWorkers)"
            }
        }
        return nil
    }

    /// Waits until the group has committed so much, or the time is over.
    /// - Throws: `ChaosError` if a worker has ended by itself: then there is nothing to wait for.
    private func wait(for count: Int, of group: GroupProgress, seconds: Double) throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        repeat {
            for (number, worker) in workers.enumerated() {
                guard let worker, !worker.isRunning else { continue }
                throw ChaosError(
                    "worker \(number) has ended by itself; the last of \(worker.logPath):\n\(worker.lastLines(5))")
            }
            try group.wait(toPass: count, seconds: 1)
        } while group.committed < count && ContinuousClock.now < deadline
    }

    /// For each worker whether it runs, and what the broker has given it since its last start.
    private var stateOfWorkers: String {
        workers.enumerated().map { number, worker in
            guard let worker, worker.isRunning else { return "worker \(number) does not run" }
            let log = worker.lines(sinceStart: true)
            let assigned = log.count { $0.contains("partition assigned") }
            let released = log.count { $0.contains("partition released") }
            if assigned == 0 {
                return "worker \(number) runs and has been given no partition by the broker since its last start"
            }
            return "worker \(number) runs and owns \(assigned - released) partitions"
        }.joined(separator: ", ")
    }

    private var running: Int { workers.count { $0?.isRunning ?? false } }

    /// Kills a worker. Mostly it is restarted at once, sometimes only at the next step. Sometimes the worker is first stopped
    /// gracefully and started again.
    private func disturb() throws {
        for number in workers.indices where workers[number] == nil { try start(number) }
        let victim = Int(random.next() % UInt64(workers.count))
        // A worker that has ended by itself counts as a failure.
        if workers[victim]?.isRunning == false { verdict.failedStops += 1 }
        if random.uniform() < 0.1 {
            if workers[victim]?.stop(seconds: 40) == false { verdict.failedStops += 1 }
            try start(victim)
        }
        workers[victim]?.kill()
        workers[victim] = nil
        verdict.kills += 1
        if random.uniform() < 0.8 { try start(victim) }
    }

    private func start(_ number: Int) throws {
        starts += 1
        // A new working directory each time: local files of the previous process are lost.
        let home = "\(directory)/home-\(starts)"
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        let checkpoints = command.store == "directory" ? "\(directory)/checkpoints" : "\(home)/checkpoints"
        let values =
            [
                "models=\(URL(fileURLWithPath: settings.models).path)", "group=\(settings.group)",
                "kafka.bootstrap.servers=\(broker.bootstrapServers)", "input.topic=\(settings.inputTopic)",
                "output.topic=\(settings.outputTopic)",
                "output.challengers_topic=\(settings.challengersTopic ?? "")", "dead_letters.topic=dead-letters",
                "processing.guarantee=\(command.guarantee)", "processing.instance=w\(number)",
                "checkpoints.store=\(command.store)", "checkpoints.directory=\(checkpoints)",
                "rescoring.every=\(settings.rescoringMilliseconds)ms", "http.enabled=false", "recovery.max_seconds=2",
                "reload.every=200ms",
                "kafka_producer.compression.type=zstd",
                "commit.interval=200ms",
                "kafka.session.timeout.ms=6000",
                "kafka.transaction.timeout.ms=10000",
            ] + command.workerSettings.map { $0.replacing("{worker}", with: "\(number)") }
        workers[number] = try ChildProcess(
            [
                try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"), "run", "--config",
                formatPath,
            ] + values.flatMap { ["--set", $0] }, in: home,
            log: "\(directory)/worker-\(number).log")
    }

    // MARK: Broker

    /// Some servers acknowledge messages a moment before they are on disk.
    private static let saveSeconds = 3.0

    private func restartBroker() throws {
        Thread.sleep(forTimeInterval: Self.saveSeconds)
        if command.outage {
            for number in workers.indices { workers[number] = nil }
        }
        broker.stop()
        Thread.sleep(forTimeInterval: 0.5 + random.uniform())
        try broker.start()
        verdict.brokerRestarts += 1
    }
}
