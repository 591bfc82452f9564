import ArgumentParser
import Ensemble
import Features

/// The model and the feature rows that a benchmark of scoring or explaining is of.
struct FeatureRowOptions: ParsableArguments {
    @Option(help: "History whose feature rows are taken. Without one a shop is made up.")
    var history: String?

    @Option(help: "Directory of model artifacts.")
    var models = "models"

    @Option(help: "Rows.")
    var rows = 16_384

    /// Reads the artifact, and computes the rows with its category encoding.
    func load() throws -> (artifact: ModelArtifact, matrix: FeatureMatrix) {
        let artifact = try ModelArtifact(path: models)
        return (artifact, try FeatureMatrix(history: history, rows: rows, artifact))
    }
}
