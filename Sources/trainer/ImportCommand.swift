import ArgumentParser
import Console
import Ensemble
import Events
import Features
import Training

struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Makes an artifact of a model that was trained elsewhere on these features, and evaluates it.",
        discussion: """
            Model files: XGBoost 1.7 to 3 (model.json, model.ubj; gbtree, binary:logistic) and LightGBM (model.txt; binary). \
            Features are matched by name. `current` stays where it is.
            """)

    @Option(help: "Model file: XGBoost's JSON or UBJSON, or LightGBM's text; told apart by content.")
    var model: String

    @OptionGroup var source: HistoryOptions

    @OptionGroup var models: ModelsOption

    @OptionGroup var configuration: ConfigurationOptions

    func run() throws {
        try reportingTraining {
            let trainer = try TrainerConfiguration(configuration.reader(for: .trainer))
            let imported = try ImportedModel(path: model, schema: FeatureSchema(trainer.settings.horizon))
            for line in imported.notes { printInfo("\(model): \(line)") }
            let progress = Progress()
            let prepared = try source.prepare(trainer, progress: progress)
            let (version, evaluation) = try TrainingRun(settings: trainer.settings).importModel(
                imported, prepared, models: models.path)
            progress.finish()
            printInfo(
                "The figures hold if the model learned from points before "
                    + "\(EventTime.text(prepared.times.split)) whose labels were known by then.")
            try output(
                evaluation.table()
                    + "\n\(models.path)/\(version) holds \(model). `current` is as it was; to serve it: "
                    + "trainer promote --models \(models.path) \(version)\n")
        }
    }
}
