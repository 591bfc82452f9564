import ArgumentParser
import Console
import Ensemble
import Events
import Foundation
import Kafka
import LocalCluster
import Monitoring
import Worker

struct LatencyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latency",
        abstract:
            "From publishing an event to reading its prediction at a steady pace, at least once, by profile; beside a bare copy "
            + "loop of the same settings.")

    @Option(help: "Events a second.")
    var rate = 5000

    @Option(help: "Seconds of each measurement.")
    var seconds = 8

    @OptionGroup var options: WorkerOptions

    private struct Samples {
        var median: [Double] = []
        var tail: [Double] = []

        mutating func add(_ latencies: Histogram) {
            median.append(latencies.percentile(0.5))
            tail.append(latencies.percentile(0.99))
        }
    }

    func run() async throws {
        try await reportingFailuresAsync {
            var settings = try options.settings()
            settings.guarantee = .atLeastOnce
            let artifact = try ModelLoader(settings: settings).artifact()
            let progress = Progress()
            var copies: [WorkerSettings.Profile: Samples] = [:]
            var workers: [WorkerSettings.Profile: Samples] = [:]
            for repetition in 0..<options.repetitions {
                for profile in WorkerSettings.Profile.allCases {
                    progress.show(profile.rawValue, detail: "repetition \(repetition + 1) of \(options.repetitions)")
                    settings.profile = profile
                    let run = try GuaranteeRun(command: options.broker, settings: settings, artifact: artifact)
                    defer { run.close() }
                    // The broker's first messages are slow, whoever sends them; then who comes first changes each time.
                    _ = try await run.copyLatency(rate: rate, seconds: 2)
                    for turn in [repetition, repetition + 1] {
                        if turn % 2 == 0 {
                            copies[profile, default: Samples()].add(
                                try await run.copyLatency(rate: rate, seconds: seconds))
                        } else {
                            workers[profile, default: Samples()].add(
                                try await run.latency(rate: rate, seconds: seconds))
                        }
                    }
                }
            }
            progress.finish()
            var figures: [Figure] = []
            for profile in WorkerSettings.Profile.allCases {
                guard let copy = copies[profile], let worker = workers[profile] else { continue }
                for (what, values) in [("p50", \Samples.median), ("p99", \Samples.tail)] {
                    let base = Figure("bare copy, \(profile.rawValue): \(what)", unit: "ms", copy[keyPath: values])
                    figures.append(base)
                    figures.append(
                        Figure("worker, \(profile.rawValue): \(what)", unit: "ms", worker[keyPath: values])
                            .relative(to: base))
                }
            }
            try figures.write(asJSON: options.json)
        }
    }
}
