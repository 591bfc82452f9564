import ArgumentParser
import Ensemble
import Features

/// The options of benchmarks that measure models on feature rows.
struct RowOptions: ParsableArguments {
    @Option(help: "History that the feature rows are of. Without one a shop is made up.")
    var history: String?

    @Option(help: "Directory of model artifacts.")
    var models = "models"

    @Option(help: "Rows.")
    var rows = 16_384

    @Flag(help: "Print JSON.")
    var json = false

    /// Makes the feature rows.
    func matrix(_ artifact: ModelArtifact) throws -> FeatureMatrix {
        try FeatureMatrix(history: history, rows: rows, artifact)
    }
}
