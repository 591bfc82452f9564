import ArgumentParser
import Console
import Ensemble
import Events
import Training

struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate", abstract: "Scores the TEST points of a history with a saved artifact.")

    @OptionGroup var source: HistoryOptions

    @Option(help: "Directory of artifacts, or one artifact.")
    var models: String

    @Flag(help: "Print the figures as JSON, as in results.json.")
    var json = false

    @OptionGroup var configuration: ConfigurationOptions

    func run() throws {
        try reportingTraining {
            var (settings, names, kafka) = try TrainingSettings.read(configuration.reader(for: .trainer))
            let artifact = try ModelArtifact(path: models)
            // An artifact is judged on the periods that it was made for.
            settings.evaluation = try EvaluationProtocol.Settings(record: artifact.manifest.settings)
            settings.timeToLiveDays = artifact.manifest.timeToLiveDays
            let progress = Progress()
            let opened = try source.open(names: names, kafka: kafka, progress: progress)
            let run = TrainingRun(settings: settings)
            let prepared = try withExtendedLifetime(opened) {
                let survey = try run.survey(opened.history) { step, share in show(progress, step, share) }
                return try run.prepare(opened.history, survey: survey, countries: artifact.manifest.countries) {
                    show(progress, $0, $1)
                }
            }
            guard let learned = EventTime.parse(artifact.manifest.trainedUntil), learned <= prepared.times.split else {
                throw TrainingError(
                    "\(artifact.manifest.version) has learned from events up to \(artifact.manifest.trainedUntil), but the "
                        + "test period of this history begins at \(EventTime.text(prepared.times.split)): its figures there "
                        + "would flatter it; give the history that it was trained on, or a longer one")
            }
            progress.show("evaluating")
            let predictions = TestPredictions(artifact.ensemble, on: try TestSets(prepared.points, prepared.times))
            let evaluation = Evaluation(
                predictions, serving: artifact.manifest.servingModel, seed: UInt64(artifact.manifest.seed))
            progress.finish()
            try output(
                json
                    ? String(decoding: try evaluation.json(), as: UTF8.self)
                    : "\(artifact.manifest.version)\n\n" + evaluation.table() + "\n")
        }
    }
}
