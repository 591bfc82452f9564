import ArgumentParser
import Console
import Ensemble
import Events
import Foundation
import Kafka
import LocalCluster
import Logging
import Monitoring
import Worker

struct GuaranteesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guarantees",
        abstract:
            "What exactly once costs at commit intervals of 100 ms and 1 s: throughput and latency beside at least once."
    )

    @Option(help: "Events of each throughput measurement.")
    var events = 120_000

    @Option(help: "Events a second of the latency measurement, and for how many seconds.")
    var rate = 1000

    @Option(help: "Seconds of each latency measurement.")
    var seconds = 6

    @OptionGroup var options: WorkerOptions

    /// One processing guarantee with one commit interval.
    struct Variant {
        let name: String
        let guarantee: WorkerSettings.Guarantee
        let commitMilliseconds: Int
        var throughput: [Double] = []
        var median: [Double] = []
        var tail: [Double] = []
    }

    func run() async throws {
        try await reportingFailuresAsync {
            let settings = try options.settings()
            let artifact = try ModelLoader(settings: settings).artifact()
            let progress = Progress()
            var variants = [WorkerSettings.Guarantee.atLeastOnce, .exactlyOnce].flatMap { guarantee in
                [100, 1000].map {
                    Variant(
                        name: "\(guarantee.rawValue), commits every \($0) ms", guarantee: guarantee,
                        commitMilliseconds: $0)
                }
            }
            // All variants in each repetition, so that changes of the machine's speed affect all of them alike.
            for repetition in 0..<options.repetitions {
                for index in variants.indices {
                    progress.show(
                        "\(variants[index].name)", detail: "repetition \(repetition + 1) of \(options.repetitions)")
                    var settings = settings
                    settings.guarantee = variants[index].guarantee
                    settings.commitIntervalMilliseconds = variants[index].commitMilliseconds
                    let run = try GuaranteeRun(command: options.broker, settings: settings, artifact: artifact)
                    variants[index].throughput.append(try await run.throughput(events: events))
                    let latencies = try await run.latency(rate: rate, seconds: seconds)
                    variants[index].median.append(latencies.percentile(0.5))
                    variants[index].tail.append(latencies.percentile(0.99))
                    run.close()
                }
            }
            progress.finish()
            func figures(_ what: String, _ unit: String, _ values: KeyPath<Variant, [Double]>) -> [Figure] {
                variants.map { variant in
                    let figure = Figure("\(what): \(variant.name)", unit: unit, variant[keyPath: values])
                    guard variant.guarantee == .exactlyOnce,
                        let base = variants.first(where: {
                            $0.guarantee == .atLeastOnce && $0.commitMilliseconds == variant.commitMilliseconds
                        })
                    else { return figure }
                    return figure.relative(to: Figure(base.name, unit: unit, base[keyPath: values]))
                }
            }
            try
                (figures("throughput", "events/s", \.throughput) + figures("latency p50", "ms", \.median)
                + figures("latency p99", "ms", \.tail)).write(asJSON: options.json)
        }
    }
}
