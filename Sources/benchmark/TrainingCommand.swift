import ArgumentParser
import Console
import Events
import Features
import Foundation
import Training

struct TrainingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "training",
        abstract: "What the trainer's walks over a history cost an event, beside reading it alone, and the whole job.")

    @Option(help: "History; as a plain file, or inflating it is measured too.")
    var history: String

    @Option(help: "Repetitions.")
    var repetitions = 3

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        try reportingFailures {
            let progress = Progress()
            let run = TrainingRun(settings: TrainingSettings())
            var (reading, survey, points, job) = ([Double](), [Double](), [Double](), [Double]())
            var events = 0
            for repetition in 0..<repetitions {
                progress.show("walking", detail: "repetition \(repetition + 1) of \(repetitions)")
                events = 0
                let reader = try HistoryReader(path: history)
                let alone = try seconds { while try reader.next() != nil { events += 1 } }
                let start = ContinuousClock.now
                var surveyed = start
                _ = try run.prepare(history: history) { phase, _ in
                    if phase.hasPrefix("reading") { surveyed = .now }
                }
                let walked = ContinuousClock.now
                let models = NSTemporaryDirectory() + "/benchmark-\(getpid())-models"
                defer { try? FileManager.default.removeItem(atPath: models) }
                let jobStart = ContinuousClock.now
                _ = try RetrainJob(settings: TrainingSettings(), models: models).run(History(path: history)) {
                    phase, share in
                    progress.show(phase, share: share)
                }
                let scale = 1e9 / Double(events)
                reading.append(alone * scale)
                survey.append((surveyed - start) / .seconds(1) * scale)
                points.append((walked - surveyed) / .seconds(1) * scale)
                job.append((ContinuousClock.now - jobStart) / .seconds(1))
            }
            progress.finish()
            let alone = Figure("reading the history alone", unit: "ns/event", reading)
            let walk = Figure("scoring points, labels and features", unit: "ns/event", points)
            var usage = rusage()
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            try [
                alone, Figure("survey", unit: "ns/event", survey).relative(to: alone), walk.relative(to: alone),
                Figure(
                    "the same but for reading, rate", unit: "events/s", zip(points, reading).map { 1e9 / ($0 - $1) }),
                Figure("the whole job: checks, training, evaluation, backtest", unit: "s", job),
                Figure("most memory", unit: "MiB", [Double(usage.ru_maxrss) / 1024]),
            ].write(asJSON: json)
        }
    }
}
