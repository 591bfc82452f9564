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

    @Option(help: "Figures to set these beside (JSON: evaluation, model, roc_auc, pr_auc, log_loss, ece).")
    var beside: String?

    @OptionGroup var configuration: ConfigurationOptions

    func run() throws {
        try reportingTraining {
            var trainer = try TrainerConfiguration(configuration.reader(for: .trainer))
            let baseline = try beside.map { try BaselineMetrics(path: $0) }
            let artifact = try ModelArtifact(path: models)
            // An artifact is evaluated on the periods that it was trained for.
            trainer.settings.evaluation = try EvaluationProtocol.Settings(record: artifact.manifest.settings)
            trainer.settings.horizon = artifact.schema.horizon
            trainer.settings.timeToLiveDays = artifact.manifest.timeToLiveDays
            let progress = Progress()
            let prepared = try source.prepare(trainer, countries: artifact.manifest.countries, progress: progress)
            let (ensemble, note) = try unbiased(artifact, prepared.times)
            progress.show("evaluating")
            let predictions = TestPredictions(ensemble, on: try TestSets(prepared.dataset, prepared.times))
            let evaluation = Evaluation(
                predictions, serving: artifact.manifest.servingModel, seed: UInt64(artifact.manifest.seed))
            progress.finish()
            try output(
                json
                    ? String(decoding: try evaluation.json(), as: UTF8.self)
                    : "\(artifact.manifest.version)\(note)\n\n" + evaluation.table() + "\n"
                        + (baseline.map { "\n\($0.table(beside: evaluation))\n" } ?? ""))
        }
    }

    /// The artifact's ensemble that was not trained on TEST, with a note where that is the holdout model.
    /// - Throws: `TrainingError` when there is none.
    private func unbiased(_ artifact: ModelArtifact, _ times: EvaluationProtocol) throws -> (Ensemble, String) {
        let manifest = artifact.manifest
        if let trainedUntil = EventTime.parse(manifest.trainedUntil), trainedUntil <= times.split {
            return (artifact.ensemble, "")
        }
        let (ensemble, until) = try artifact.evaluated()
        guard let trainedUntil = EventTime.parse(until), trainedUntil <= times.split else {
            throw TrainingError(
                "\(manifest.version) has learned from events up to \(until), but the test period of this history begins "
                    + "at \(EventTime.text(times.split)): its figures there would flatter it; give the history that it "
                    + "was trained on, or a longer one")
        }
        return (ensemble, ": figures of its evaluated twin, trained until \(until)")
    }
}
