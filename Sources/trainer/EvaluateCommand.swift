import ArgumentParser
import Console
import Ensemble
import Events
import Training

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate", abstract: "Scores the TEST points of a history with a saved artifact.")

    @Option(help: "History of events: CSV or NDJSON, plain or gzip.")
    var history: String

    @Option(help: "Directory of artifacts, or one artifact.")
    var models: String

    @Flag(help: "Print the figures as JSON, as in results.json.")
    var json = false

    @OptionGroup var configuration: ConfigurationOptions

    func run() throws {
        try reportingFailures {
            var (settings, names) = try TrainingSettings.read(configuration.reader(for: .trainer))
            let artifact = try ModelArtifact(path: models)
            // An artifact is judged on the periods that it was made for.
            settings.evaluation = try EvaluationProtocol.Settings(record: artifact.manifest.settings)
            settings.timeToLiveDays = artifact.manifest.timeToLiveDays
            let progress = Progress()
            let prepared = try TrainingRun(settings: settings, names: names).prepare(
                history: history, countries: artifact.manifest.countries
            ) { step, share in report(progress, step, share) }
            guard let learned = EventTime.parse(artifact.manifest.trainedUntil), learned <= prepared.times.split else {
                throw TrainingError(
                    "\(artifact.manifest.version) has learned from events up to \(artifact.manifest.trainedUntil), but the "
                        + "test period of \(history) begins at \(EventTime.text(prepared.times.split)): its figures there "
                        + "would flatter it; give the history that it was trained on, or a longer one")
            }
            let evaluation = try Evaluation(
                artifact.ensemble, on: prepared.points, protocol: prepared.times, seed: UInt64(artifact.manifest.seed))
            progress.finish()
            try output(
                json
                    ? String(decoding: try evaluation.json(), as: UTF8.self)
                    : "\(artifact.manifest.version) on \(history)\n\n"
                        + evaluation.table(serving: artifact.manifest.servingModel) + "\n")
        }
    }
}
