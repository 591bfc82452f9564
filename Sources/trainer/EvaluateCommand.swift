import ArgumentParser
import Console
import Ensemble
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
            let (settings, names) = try TrainingSettings.read(configuration.reader())
            let artifact = try ModelArtifact(path: models)
            let progress = Progress()
            let prepared = try TrainingRun(settings: settings, names: names).prepare(
                history: history, countries: artifact.manifest.countries
            ) { step, share in report(progress, step, share) }
            let evaluation = Evaluation(
                artifact.ensemble, on: prepared.points, protocol: prepared.times, seed: UInt64(artifact.manifest.seed))
            progress.finish()
            if json {
                print(String(decoding: try evaluation.json(), as: UTF8.self), terminator: "")
            } else {
                print("\(artifact.manifest.version) on \(history)\n")
                print(evaluation.table(serving: artifact.manifest.servingModel))
            }
        }
    }
}
