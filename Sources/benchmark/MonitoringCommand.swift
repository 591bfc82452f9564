import ArgumentParser
import Console
import Foundation
import Worker

struct MonitoringCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "monitoring",
        abstract:
            "What watching costs: the whole worker with grading, drift, metrics and both servers, asked every second, beside "
            + "the same worker without any of it. Two processes that take turns of half a second.")

    @OptionGroup var log: MessageOptions
    @OptionGroup var options: WorkerOptions

    func run() throws {
        try reportingFailures {
            let progress = Progress()
            progress.show("making messages")
            let turns = try WorkerTurns(
                command: options.broker, settings: try options.settings(),
                configuration: options.configuration.arguments, partitions: log.partitions, try log.messages())
            defer { turns.close() }
            var pairs: [WorkerTurns.Pair] = []
            for repetition in 0..<options.repetitions {
                progress.show("round \(repetition + 1) of \(options.repetitions)", detail: Self.standing(pairs))
                pairs += try turns.round(repetition)
            }
            progress.finish()
            guard pairs.count > 1 else {
                throw BenchmarkError("too few messages for two turns of each; try more --messages")
            }
            let rate = Figure(
                "unwatched: throughput", unit: "predictions/s", pairs.map(\.unwatched.predictionsPerSecond))
            let processor = Figure(
                "unwatched: processor time", unit: "ns/prediction", pairs.map(\.unwatched.processorNanoseconds))
            try [
                rate, processor,
                Figure("watched: throughput", unit: "predictions/s", pairs.map(\.watched.predictionsPerSecond))
                    .relative(to: rate),
                Figure("watched: processor time", unit: "ns/prediction", pairs.map(\.watched.processorNanoseconds))
                    .relative(to: processor),
                Figure("throughput, watched ÷ unwatched, \(pairs.count) pairs of turns", unit: "", Self.rates(pairs)),
                Figure("mean of that, and its 95 % interval", unit: "", Self.mean(Self.rates(pairs))),
                Figure("the same of processor time a prediction", unit: "", Self.mean(Self.times(pairs))),
            ].write(asJSON: options.json)
        }
    }

    private static func rates(_ pairs: [WorkerTurns.Pair]) -> [Double] {
        pairs.map { $0.watched.predictionsPerSecond / $0.unwatched.predictionsPerSecond }
    }

    private static func times(_ pairs: [WorkerTurns.Pair]) -> [Double] {
        pairs.map { $0.watched.processorNanoseconds / $0.unwatched.processorNanoseconds }
    }

    private static func standing(_ pairs: [WorkerTurns.Pair]) -> String {
        guard pairs.count > 1 else { return "" }
        let mean = mean(rates(pairs)).map { String(format: "%.3f", $0) }
        return "throughput watched ÷ unwatched so far \(mean[1]) (\(mean[0]) to \(mean[2]))"
    }

    /// The geometric mean of ratios between the bounds of its 95 % interval. That of their logarithms: the arithmetic mean of
    /// ratios that scatter is above what the ratio is.
    private static func mean(_ ratios: [Double]) -> [Double] {
        let logarithms = ratios.map { Foundation.log($0) }
        let count = Double(ratios.count)
        let mean = logarithms.reduce(0, +) / count
        let variance = logarithms.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / max(count - 1, 1)
        let margin = 1.96 * (variance / count).squareRoot()
        return [exp(mean - margin), exp(mean), exp(mean + margin)]
    }
}
