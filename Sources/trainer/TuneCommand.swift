import ArgumentParser
import Console
import Events
import Foundation
import Settings
import Training

struct TuneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tune",
        abstract: "Searches settings at random within tuning.ranges, judged by rolling origins within TRAIN.",
        discussion: """
            Every trial is a line of the file of results (JSON). A search that was interrupted, or is given more trials, \
            goes on where it was. The first trial is the configuration as it is.
            """)

    @OptionGroup var source: HistoryOptions

    @Option(help: "File of results, which is continued if it is there.")
    var results: String

    @Option(help: "Trials in all.")
    var trials = 20

    @Option(help: "Begin no trial after so many minutes.")
    var minutes: Double?

    @OptionGroup var configuration: ConfigurationOptions

    func validate() throws {
        guard trials > 0 else { throw ValidationError("--trials must be at least 1") }
    }

    func run() throws {
        try reportingTraining {
            let trainer = try TrainerConfiguration(configuration.reader(for: .trainer))
            // Both ends of every range are checked before anything is trained.
            for range in trainer.settings.tuning.ranges {
                for share in [0, 0.999_999] { _ = try read(["\(range.name)=\(range.value(at: share))"]) }
            }
            let progress = Progress()
            let prepared = try source.prepare(trainer, progress: progress)
            let tuning = try Tuning(prepared, base: trainer.settings, ranges: trainer.settings.tuning)
            let file = try TrialFile(path: results, header: tuning.header)
            var done = file.trials
            for number in 0..<trials where !done.contains(where: { $0.number == number }) {
                if let minutes, progress.elapsedSeconds > minutes * 60 { break }
                let tried = try read(tuning.overrides(trial: number).map { "\($0)=\($1)" }.sorted())
                let trial = try tuning.run(trial: number, settings: tried) { share in
                    progress.show("trial \(number + 1) of \(trials)", share: share)
                }
                try file.append(trial)
                done.append(trial)
            }
            progress.finish()
            try output(summary(done))
        }
    }

    private func read(_ overrides: [String]) throws -> TrainingSettings {
        var options = configuration
        options.overrides += overrides
        return try TrainerConfiguration(options.reader(for: .trainer)).settings
    }

    private func summary(_ trials: [Tuning.Trial]) -> String {
        func text(_ value: Double?) -> String { value.map { String(format: "%.4f", $0) } ?? "" }
        var lines = ["trial   score    E1 log loss  E2 log loss  E3 log loss  E1 AUC  E2 AUC  E3 AUC  settings"]
        for trial in trials.sorted(by: { ($0.score, $0.number) < ($1.score, $1.number) }).prefix(10) {
            let evaluations = ["E1", "E2", "E3"]
            let changed =
                trial.settings.isEmpty
                ? "the configuration as it is"
                : trial.settings.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }.joined(separator: " ")
            lines.append(
                String(format: "%5d  %.4f  ", trial.number + 1, trial.score)
                    + evaluations.map { "     \(text(trial.logLoss[$0]))  " }.joined()
                    + evaluations.map { " \(text(trial.rocAUC[$0])) " }.joined() + "  " + changed)
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
