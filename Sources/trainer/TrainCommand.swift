import ArgumentParser
import Console
import Topics
import Training

struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract:
            "Checks a history, trains on it, judges the result beside the model in service, and promotes or refuses it.",
        discussion: """
            Exit codes: 0 promoted (or in service already, or a dry run that would promote), 1 the work failed, 2 bad \
            configuration or no such history (64: bad usage), 3 trained but refused, 4 bad data.
            """)

    @OptionGroup var source: HistoryOptions

    @OptionGroup var models: ModelsOption

    @Option(help: "Directory for report.md and report.html.")
    var report: String?

    @Flag(help: "Trains and reports, and leaves what is in service alone.")
    var dryRun = false

    @Flag(help: "Serves what is fitted anew on all that is known, once the evaluated model has passed (refit: true).")
    var refit = false

    @OptionGroup var configuration: ConfigurationOptions

    func run() throws {
        try reportingTraining {
            var trainer = try TrainerConfiguration(configuration.reader(for: .trainer))
            if refit { trainer.settings.refit = true }
            if let report { try Report.prepare(report) }
            let progress = Progress()
            let opened = try source.open(trainer, progress: progress)
            let outcome = try withExtendedLifetime(opened) {
                try RetrainJob(settings: trainer.settings, models: models.path, isDryRun: dryRun).run(
                    opened.history, skipped: opened.skipped
                ) { step, share in show(progress, step, share) }
            }
            progress.finish()
            let text = Report(outcome, settings: trainer.settings)
            try output(text.markdown() + "\n")
            if let report { try text.write(to: report) }
            printInfo("after \(Int(progress.elapsedSeconds.rounded())) s")
            switch outcome.status {
            case .promoted, .alreadyInService, .wouldBePromoted: break
            case .refused: throw ExitCode(3)
            case .badData: throw ExitCode(4)
            }
        }
    }
}

/// `reportingFailures`, with exit code 4 for data that cannot be trained on.
func reportingTraining(_ work: () throws -> Void) throws {
    try reportingFailures {
        do { try work() } catch let error
            where error is DataError || (error as? TopicHistoryError)?.isBadData == true
        {
            printError("\(error)")
            throw ExitCode(4)
        }
    }
}

/// Shows progress; a step such as "reading, 8192 events" is split into the step and its detail.
func show(_ progress: Progress, _ step: String, _ share: Double?) {
    let parts = step.split(separator: ", ", maxSplits: 1)
    progress.show(String(parts[0]), detail: parts.count > 1 ? String(parts[1]) : "", share: share)
}
