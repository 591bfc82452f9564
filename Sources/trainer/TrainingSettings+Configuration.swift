import Configuration
import Console
import Events
import Features
import Training

extension TrainingSettings {
    /// Everything that `config/trainer.yaml` may say.
    static func read(_ reader: ConfigurationReader) throws(ConfigurationError) -> (TrainingSettings, FieldNames) {
        var settings = TrainingSettings()
        let names = FieldNames(reader.section("fields"))
        settings.seed = reader.int("seed", default: settings.seed, in: 0...Int(Int32.max))
        settings.threads = reader.int("threads", default: settings.threads, in: 1...256)
        settings.folds = reader.int("folds", default: settings.folds, in: 2...20)
        settings.servingModel = reader.choice("serving_model", default: settings.servingModel)

        settings.timeToLiveDays = reader.timeToLiveDays(default: settings.timeToLiveDays)

        let evaluation = reader.section("evaluation")
        settings.evaluation.testDays = evaluation.int("test_days", default: settings.evaluation.testDays, in: 31...3650)
        settings.evaluation.snapshotOffsetsDays = evaluation.ints(
            "snapshot_offsets_days", default: settings.evaluation.snapshotOffsetsDays, in: 0...3650)
        settings.evaluation.snapshotWarmupDays = evaluation.int(
            "snapshot_warmup_days", default: settings.evaluation.snapshotWarmupDays, in: 0...3650)
        settings.evaluation.snapshotEveryDays = evaluation.int(
            "snapshot_every_days", default: settings.evaluation.snapshotEveryDays, in: 1...365)

        let points = reader.section("points")
        settings.shares.events = points.double("events", default: settings.shares.events, in: 0...1000)
        settings.shares.invoices = points.double("invoices", default: settings.shares.invoices, in: 0...1000)
        settings.shares.snapshots = points.double("snapshots", default: settings.shares.snapshots, in: 0...1000)

        let withheld = reader.strings("withheld_features", default: settings.withheldFeatures.map(\.name))
        settings.withheldFeatures = Feature.allCases.filter { withheld.contains($0.name) }
        for name in withheld where !FeatureSchema.names.contains(name) {
            reader.refuse("withheld_features", "there is no feature '\(name)'; see: trainer features")
        }

        settings.logisticRegression.ridge = reader.section("logistic_regression").double(
            "ridge", default: settings.logisticRegression.ridge, in: 0...1000)
        settings.randomForest = trees(reader.section("random_forest"), settings.randomForest)
        settings.xgboost = trees(reader.section("xgboost"), settings.xgboost)
        try reader.finish()
        return (settings, names)
    }

    private static func trees(_ reader: ConfigurationReader, _ standard: Trees) -> Trees {
        Trees(
            trees: reader.int("trees", default: standard.trees, in: 1...5000),
            maxDepth: reader.int("max_depth", default: standard.maxDepth, in: 1...16),
            learningRate: reader.double("learning_rate", default: standard.learningRate, in: 1e-4...1),
            minChildWeight: reader.double("min_child_weight", default: standard.minChildWeight, in: 0...1e9),
            subsample: reader.double("subsample", default: standard.subsample, in: 0.01...1),
            columnSample: reader.double("column_sample", default: standard.columnSample, in: 0.01...1),
            lambda: reader.double("lambda", default: standard.lambda, in: 0...1e6))
    }
}
