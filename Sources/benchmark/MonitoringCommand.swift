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
            var rounds: [[WorkerTurns.Pair]] = []
            for repetition in 0..<options.repetitions {
                progress.show(
                    "round \(repetition + 1) of \(options.repetitions)", detail: Self.standing(rounds))
                rounds.append(try turns.round(repetition))
                guard rounds.last?.isEmpty == false else {
                    throw BenchmarkError("too few messages for three turns of each; try more --messages")
                }
            }
            progress.finish()
            let pairs = rounds.flatMap { $0 }
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
                Figure("mean of that, and its 95 % interval by round", unit: "", Self.mean(rounds, Self.rates)),
                Figure("the same of processor time a prediction", unit: "", Self.mean(rounds, Self.times)),
            ].write(asJSON: options.json)
        }
    }

    private static func rates(_ pairs: [WorkerTurns.Pair]) -> [Double] {
        pairs.map { $0.watched.predictionsPerSecond / $0.unwatched.predictionsPerSecond }
    }

    private static func times(_ pairs: [WorkerTurns.Pair]) -> [Double] {
        pairs.map { $0.watched.processorNanoseconds / $0.unwatched.processorNanoseconds }
    }

    private static func standing(_ rounds: [[WorkerTurns.Pair]]) -> String {
        guard rounds.count > 1 else { return "" }
        let mean = mean(rounds, rates).map { String(format: "%.3f", $0) }
        return "throughput watched ÷ unwatched so far \(mean[1]) (\(mean[0]) to \(mean[2]))"
    }

    /// The geometric mean of the ratios with its 95 % confidence interval. The arithmetic mean of scattered ratios would be
    /// biased upwards. The interval is Student's over the means of rounds, because turns of a round share their processes; a
    /// single round has no interval.
    private static func mean(
        _ rounds: [[WorkerTurns.Pair]], _ ratios: ([WorkerTurns.Pair]) -> [Double]
    ) -> [Double] {
        let means = rounds.map { round in ratios(round).reduce(0) { $0 + Foundation.log($1) } / Double(round.count) }
        let count = Double(means.count)
        let mean = means.reduce(0, +) / count
        guard means.count > 1 else { return [exp(mean)] }
        let variance = means.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
        let margin = studentsQuantile(degrees: count - 1) * (variance / count).squareRoot()
        return [exp(mean - margin), exp(mean), exp(mean + margin)]
    }

    /// The 97.5 % quantile of Student's t, accurate to a hundredth from four degrees of freedom on. Source: Abramowitz and
    /// Stegun, Handbook of Mathematical Functions, 26.7.5.
    private static func studentsQuantile(degrees n: Double) -> Double {
        let z = 1.959964
        let (z3, z5, z7) = (pow(z, 3), pow(z, 5), pow(z, 7))
        return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n)
            + (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n)
    }
}
