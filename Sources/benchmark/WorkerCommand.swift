import ArgumentParser
import Console
import Ensemble
import Events
import Foundation
import Kafka
import LocalCluster
import Logging
import Worker

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract:
            "The whole worker beside a bare copy loop of the same messages: throughput, and processor time a message in this "
            + "process, librdkafka's threads included.")

    @Option(help: "The worker's threads, each measured beside the copy loop.")
    var threads: [Int] = [1, 2]

    @Option(help: "The worker's profiles, each measured beside the copy loop, whose own is throughput.")
    var profiles: [WorkerSettings.Profile] = [.balanced, .throughput]

    @OptionGroup var log: MessageOptions
    @OptionGroup var options: WorkerOptions

    private struct Variant: Hashable {
        let profile: WorkerSettings.Profile
        let threads: Int
    }

    private struct Samples {
        var rate: [Double] = []
        var processor: [Double] = []

        mutating func add(_ run: CopyRun.Cost) {
            rate.append(run.messagesPerSecond)
            processor.append(run.processorNanoseconds)
        }
    }

    func run() async throws {
        try await reportingFailuresAsync {
            var settings = try options.settings()
            settings.commitIntervalMilliseconds = 1000
            let artifact = try ModelLoader(settings: settings).artifact()
            let progress = Progress()
            progress.show("making messages")
            let messages = try log.messages()
            let variants = threads.flatMap { threads in profiles.map { Variant(profile: $0, threads: threads) } }
            var copies: [WorkerSettings.Guarantee: Samples] = [:]
            var workers: [WorkerSettings.Guarantee: [Variant: Samples]] = [:]
            for repetition in 0..<options.repetitions {
                for guarantee in WorkerSettings.Guarantee.allCases {
                    settings.guarantee = guarantee
                    progress.show(guarantee.rawValue, detail: "repetition \(repetition + 1) of \(options.repetitions)")
                    let run = try CopyRun(
                        command: options.broker, settings: settings, artifact: artifact, partitions: log.partitions,
                        messages)
                    defer { run.close() }
                    copies[guarantee, default: Samples()].add(try run.copy())
                    for variant in variants {
                        workers[guarantee, default: [:]][variant, default: Samples()].add(
                            try await run.score(threads: variant.threads, profile: variant.profile))
                    }
                }
            }
            progress.finish()
            var figures: [Figure] = []
            for guarantee in WorkerSettings.Guarantee.allCases {
                guard let copy = copies[guarantee] else { continue }
                let name = guarantee == .exactlyOnce ? "exactly once, commits every second" : "at least once"
                let rate = Figure("bare copy, \(name): throughput", unit: "messages/s", copy.rate)
                let processor = Figure("bare copy, \(name): processor time", unit: "ns/message", copy.processor)
                figures += [rate, processor]
                for variant in variants {
                    guard let samples = workers[guarantee]?[variant] else { continue }
                    let title =
                        "worker of \(variant.threads) \(variant.threads == 1 ? "thread" : "threads"), "
                        + "\(variant.profile.rawValue), \(name)"
                    figures.append(
                        Figure("\(title): throughput", unit: "messages/s", samples.rate).relative(to: rate))
                    figures.append(
                        Figure("\(title): processor time", unit: "ns/message", samples.processor).relative(
                            to: processor))
                }
            }
            try figures.write(asJSON: options.json)
        }
    }
}

extension WorkerSettings.Profile: ExpressibleByArgument {}
