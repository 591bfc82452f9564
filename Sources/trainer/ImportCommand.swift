import ArgumentParser
import Console
import Ensemble
import Events
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

    @Option(help: "Directory of artifacts.")
    var models: String

    @OptionGroup var configuration: ConfigurationOptions

    func run() throws {
        try reportingTraining {
            let (settings, names, kafka) = try TrainingSettings.read(configuration.reader(for: .trainer))
            let imported = try ImportedModel(path: model)
            for line in imported.remarks { printInfo("\(model): \(line)") }
            let progress = Progress()
            let run = TrainingRun(settings: settings)
            let prepared = try source.prepare(run, names: names, kafka: kafka, progress: progress)
            let (version, evaluation) = try run.importModel(imported, prepared, models: models)
            progress.finish()
            printInfo(
                "The figures hold if the model learned from points before "
                    + "\(EventTime.text(prepared.times.split)) whose labels were known by then.")
            try output(
                evaluation.table()
                    + "\n\(models)/\(version) holds \(model). `current` is as it was; to serve it: "
                    + "trainer promote --models \(models) \(version)\n")
        }
    }
}
