import Console
import Ensemble
import Events
import Features
import SchemaRegistry
import Settings
import Training

/// Everything that `config/trainer.yaml` may say.
struct TrainerConfiguration {
    var settings: TrainingSettings
    /// What the shop calls each field of an event.
    let events: EventFormat
    /// librdkafka's properties, for a history that lies on a topic.
    let kafka: [String: String]

    /// - Throws: all settings that could not be used, and all keys that there are none of.
    init(_ reader: ConfigurationReader) throws(ConfigurationError) {
        var settings = TrainingSettings()
        events = EventFormat(reader, registry: RegistrySettings(reader))
        settings.seed = reader.int("seed", default: settings.seed, in: 0...Int(Int32.max))
        settings.threads = reader.int("threads", default: settings.threads, in: 1...256)
        settings.folds = reader.int("folds", default: settings.folds, in: 2...20)
        settings.servingModel = reader.choice("serving_model", default: settings.servingModel)
        if !ModelName.allCases.contains(settings.servingModel) {
            reader.refuse("serving_model", "\(settings.servingModel.rawValue) is not trained here, only imported")
        }
        settings.horizon = Horizon(
            days: reader.int("horizon_days", default: settings.horizon.days, in: Horizon.range))
        settings.timeToLiveDays = reader.timeToLiveDays(default: settings.timeToLiveDays)
        settings.evaluation = Self.evaluation(reader.section("evaluation"), settings.evaluation)
        settings.shares = Self.shares(reader.section("points"), settings.shares)
        if settings.shares.events + settings.shares.invoices + settings.shares.observations <= 0 {
            reader.refuse("points", "one of events, invoices and snapshots must be more than 0")
        }
        let horizonDays = settings.horizon.days
        if settings.timeToLiveDays < 2 * horizonDays {
            reader.refuse(
                "state.time_to_live",
                "must be at least twice horizon_days, \(2 * horizonDays)d: a customer must be known until their label is"
            )
        }
        // The standard periods are fitted to horizon and history.
        if settings.evaluation != EvaluationProtocol.Settings() {
            Self.refusePeriods(reader, settings.evaluation, horizonDays)
        }
        settings.baseRateHalfLifeDays = reader.section("level").double(
            "half_life_days", default: settings.baseRateHalfLifeDays, in: 7...1e6)
        settings.withheldFeatures = Self.withheldFeatures(
            reader, settings.withheldFeatures, settings.horizon)
        settings.logisticRegression.ridge = reader.section("logistic_regression").double(
            "ridge", default: settings.logisticRegression.ridge, in: 0...1000)
        let forest = reader.section("random_forest")
        settings.randomForest = Self.trees(forest, settings.randomForest)
        settings.randomForest.parallelTrees = forest.int(
            "trees", default: settings.randomForest.parallelTrees, in: 1...5000)
        let xgboost = reader.section("xgboost")
        settings.xgboost = Self.trees(xgboost, settings.xgboost)
        settings.xgboost.rounds = xgboost.int("rounds", default: settings.xgboost.rounds, in: 1...5000)
        settings.backtest = Self.backtest(reader.section("backtest"), settings.backtest)
        settings.tuning = Self.tuning(reader.section("tuning"), settings.tuning)
        settings.gate = Self.gate(reader.section("gate"), settings.gate)
        settings.checks = Self.checks(reader.section("checks"), settings.checks)
        settings.refit = reader.bool("refit", default: settings.refit)
        settings.keep = reader.int("keep", default: settings.keep, in: 1...100_000)
        kafka = Dictionary(reader.properties("kafka").map { ($0.name, $0.value) }) { _, last in last }
        self.settings = settings
        try reader.finish()
    }

    private static func refusePeriods(
        _ reader: ConfigurationReader, _ settings: EvaluationProtocol.Settings, _ horizonDays: Int
    ) {
        if settings.testDays <= horizonDays {
            reader.refuse(
                "evaluation.test_days",
                "must be more than horizon_days, \(horizonDays), or no label of the tested period is known")
        } else if !settings.testObservationOffsetsDays.contains(where: { $0 < settings.testDays - horizonDays }) {
            reader.refuse(
                "evaluation.snapshot_offsets_days",
                "one of them must lie more than horizon_days, \(horizonDays), before the end of the history (test_days is "
                    + "\(settings.testDays))")
        }
    }

    private static func evaluation(
        _ reader: ConfigurationReader, _ standard: EvaluationProtocol.Settings
    ) -> EvaluationProtocol.Settings {
        var settings = standard
        settings.testDays = reader.int("test_days", default: standard.testDays, in: 8...3650)
        settings.testObservationOffsetsDays = reader.ints(
            "snapshot_offsets_days", default: standard.testObservationOffsetsDays, in: 0...3650)
        settings.observationWarmupDays = reader.int(
            "snapshot_warmup_days", default: standard.observationWarmupDays, in: 0...3650)
        settings.observationIntervalDays = reader.int(
            "snapshot_every_days", default: standard.observationIntervalDays, in: 1...365)
        return settings
    }

    private static func shares(
        _ reader: ConfigurationReader, _ standard: TrainingSettings.ExampleShares
    ) -> TrainingSettings.ExampleShares {
        var shares = standard
        shares.events = reader.double("events", default: standard.events, in: 0...1000)
        shares.invoices = reader.double("invoices", default: standard.invoices, in: 0...1000)
        shares.observations = reader.double("snapshots", default: standard.observations, in: 0...1000)
        shares.halfLifeDays = reader.double("half_life_days", default: standard.halfLifeDays, in: 7...1e6)
        return shares
    }

    private static func withheldFeatures(
        _ reader: ConfigurationReader, _ standard: [Feature], _ horizon: Horizon
    ) -> [Feature] {
        let schema = FeatureSchema(horizon)
        let names = reader.strings("withheld_features", default: standard.map { schema.name(of: $0) })
        for name in names where !schema.names.contains(name) {
            reader.refuse("withheld_features", "there is no feature '\(name)'; see: trainer features")
        }
        return Feature.allCases.filter { names.contains(schema.name(of: $0)) }
    }

    private static func backtest(_ reader: ConfigurationReader, _ standard: Backtest.Settings) -> Backtest.Settings {
        var settings = standard
        settings.origins = reader.int("origins", default: standard.origins, in: 0...100)
        settings.everyDays = reader.int("every_days", default: standard.everyDays, in: 7...365)
        return settings
    }

    private static func tuning(_ reader: ConfigurationReader, _ standard: Tuning.Settings) -> Tuning.Settings {
        var settings = standard
        settings.origins = reader.int("origins", default: standard.origins, in: 1...20)
        settings.everyDays = reader.int("every_days", default: standard.everyDays, in: 7...365)
        let ranges = reader.properties("ranges")
        if !ranges.isEmpty { settings.ranges = [] }
        for (name, value) in ranges.map({ ($0.name, $0.value) }).sorted(by: { $0.0 < $1.0 }) {
            guard Tuning.searchable.contains(where: { name.hasPrefix($0) }) else {
                reader.refuse(
                    "ranges.\(name)", "only these can be searched: \(Tuning.searchable.joined(separator: ", "))")
                continue
            }
            guard let range = Tuning.Range(name: name, value) else {
                reader.refuse("ranges.\(name)", "must be a range such as 2..6, 0.5..1 or 0.01..1 log, found '\(value)'")
                continue
            }
            settings.ranges.append(range)
        }
        return settings
    }

    private static func gate(_ reader: ConfigurationReader, _ standard: QualityGate) -> QualityGate {
        var gate = standard
        gate.minROCAUC = reader.double("min_roc_auc", default: standard.minROCAUC, in: 0...1)
        gate.maxECE = reader.double("max_ece", default: standard.maxECE, in: 0...1)
        gate.maxROCAUCLoss = reader.double("max_roc_auc_loss", default: standard.maxROCAUCLoss, in: 0...1)
        gate.maxLogLossIncrease = reader.double(
            "max_log_loss_increase", default: standard.maxLogLossIncrease, in: 0...10)
        gate.maxSliceROCAUCLoss = reader.double(
            "max_slice_roc_auc_loss", default: standard.maxSliceROCAUCLoss, in: 0...1)
        return gate
    }

    private static func checks(_ reader: ConfigurationReader, _ standard: DataChecks) -> DataChecks {
        func share(_ name: String, _ value: Double) -> Double { reader.double(name, default: value, in: 0...1) }
        var checks = standard
        checks.minEvents = reader.int("min_events", default: standard.minEvents, in: 1...Int(Int32.max))
        checks.maxSkippedShare = share("max_skipped_share", standard.maxSkippedShare)
        checks.maxAnonymousShare = share("max_anonymous_share", standard.maxAnonymousShare)
        checks.maxCustomerShare = share("max_customer_share", standard.maxCustomerShare)
        checks.maxDuplicateShare = share("max_duplicate_share", standard.maxDuplicateShare)
        checks.maxLateShare = share("max_late_share", standard.maxLateShare)
        checks.maxUnpricedShare = share("max_unpriced_share", standard.maxUnpricedShare)
        checks.maxCancellationShare = share("max_cancellation_share", standard.maxCancellationShare)
        checks.maxGapDays = reader.int("max_gap_days", default: standard.maxGapDays, in: 0...3650)
        checks.minLastWeek = reader.double("min_last_week", default: standard.minLastWeek, in: 0...10)
        checks.maxShrinkage = share("max_shrinkage", standard.maxShrinkage)
        checks.maxShareChange = share("max_share_change", standard.maxShareChange)
        checks.maxStabilityIndex = reader.double(
            "max_stability_index", default: standard.maxStabilityIndex, in: 0...1000)
        return checks
    }

    private static func trees(_ reader: ConfigurationReader, _ standard: TrainingSettings.Trees)
        -> TrainingSettings.Trees
    {
        TrainingSettings.Trees(
            rounds: standard.rounds, parallelTrees: standard.parallelTrees,
            maxDepth: reader.int("max_depth", default: standard.maxDepth, in: 1...16),
            learningRate: reader.double("learning_rate", default: standard.learningRate, in: 1e-4...1),
            minChildWeight: reader.double("min_child_weight", default: standard.minChildWeight, in: 0...1e9),
            subsample: reader.double("subsample", default: standard.subsample, in: 0.01...1),
            columnSample: reader.double("column_sample", default: standard.columnSample, in: 0.01...1),
            lambda: reader.double("lambda", default: standard.lambda, in: 0...1e6))
    }
}
