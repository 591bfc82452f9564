import ArgumentParser
import Console
import Training

struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Trains on a history, evaluates on its last months and moves `current`.")

    @Option(help: "History of events: CSV or NDJSON, plain or gzip.")
    var history: String

    @Option(help: "Directory of artifacts.")
    var models: String

    @OptionGroup var configuration: ConfigurationOptions

    func run() throws {
        try reportingFailures {
            let (settings, names) = try TrainingSettings.read(configuration.reader(for: .trainer))
            let progress = Progress()
            let run = TrainingRun(settings: settings, names: names)
            let prepared = try run.prepare(history: history) { step, share in report(progress, step, share) }
            let (version, evaluation) = try run.run(prepared, models: models) { step, share in
                report(progress, step, share)
            }
            progress.finish()
            try output(
                evaluation.table(serving: settings.servingModel)
                    + "\n\(models)/\(version) is trained and `current`, after \(Int(progress.elapsedSeconds.rounded())) s.\n"
            )
        }
    }
}

/// Splits "reading, 8192 events" into the step and what changes about it.
func report(_ progress: Progress, _ step: String, _ share: Double?) {
    let parts = step.split(separator: ", ", maxSplits: 1)
    progress.show(String(parts[0]), detail: parts.count > 1 ? String(parts[1]) : "", share: share)
}
