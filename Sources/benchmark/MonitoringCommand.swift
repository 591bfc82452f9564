import ArgumentParser
import Console
import Ensemble
import Kafka
import Worker

struct MonitoringCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "monitoring",
        abstract:
            "What watching costs: the whole worker with grading, drift, metrics and both servers, asked every second, beside "
            + "the same worker without any of it. Runs of the two take turns.")

    @OptionGroup var log: MessageOptions
    @OptionGroup var options: WorkerOptions

    func run() async throws {
        try await reportingFailuresAsync {
            var settings = try options.settings()
            settings.guarantee = .atLeastOnce
            let artifact = try settings.artifact()
            let progress = Progress()
            progress.show("making messages")
            let run = try CopyRun(
                command: options.broker, settings: settings, artifact: artifact, partitions: log.partitions,
                try log.messages())
            defer { run.close() }
            // The broker has memory to find in the first one.
            progress.show("warming up")
            _ = try await run.score(threads: 1, isMonitored: true)
            var costs: [Bool: [CopyRun.Cost]] = [:]
            for repetition in 0..<options.repetitions {
                // Whoever comes first in a pair takes turns as well.
                for isMonitored in repetition % 2 == 0 ? [false, true] : [true, false] {
                    progress.show(
                        isMonitored ? "watched" : "unwatched",
                        detail: "pair \(repetition + 1) of \(options.repetitions)")
                    costs[isMonitored, default: []].append(try await run.score(threads: 1, isMonitored: isMonitored))
                }
            }
            progress.finish()
            let (without, with) = (costs[false] ?? [], costs[true] ?? [])
            func figure(_ name: String, _ costs: [CopyRun.Cost], _ figure: (CopyRun.Cost) -> Double) -> Figure {
                Figure(name, unit: name.hasSuffix("time") ? "ns/message" : "messages/s", costs.map(figure))
            }
            let rate = figure("unwatched: throughput", without) { $0.messagesPerSecond }
            let processor = figure("unwatched: processor time", without) { $0.processorNanoseconds }
            let ratios = zip(with, without).map { $0.messagesPerSecond / $1.messagesPerSecond }
            try [
                rate, processor,
                figure("watched: throughput", with) { $0.messagesPerSecond }.relative(to: rate),
                figure("watched: processor time", with) { $0.processorNanoseconds }.relative(to: processor),
                Figure("throughput, watched ÷ unwatched, by pair", unit: "", ratios),
                Figure("mean of that, and its 95 % interval", unit: "", Self.mean(ratios)),
            ].write(asJSON: options.json)
        }
    }
    /// A mean between the bounds of its 95 % interval; runs vary by far more than what is looked for.
    private static func mean(_ values: [Double]) -> [Double] {
        let count = Double(values.count)
        let mean = values.reduce(0, +) / count
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / max(count - 1, 1)
        let margin = 1.96 * (variance / count).squareRoot()
        return [mean - margin, mean, mean + margin]
    }
}
