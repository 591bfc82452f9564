import Ensemble
import Events
import Features

/// What a reader should know of an artifact before trusting it; it travels with the artifact (M. Mitchell et al., "Model
/// Cards for Model Reporting", 2019).
///
/// The artifact's version is a digest of its files, so the card's wording is part of every version.
struct ModelCard {
    private let fitted: TrainingRun.Fitted
    private let prepared: TrainingRun.Prepared
    private let importance: FeatureImportance?
    private let refitted: Trainer.Result?
    private let settings: TrainingSettings
    /// What is served.
    private var served: Trainer.Result { refitted ?? fitted.result }

    init(
        _ fitted: TrainingRun.Fitted, _ prepared: TrainingRun.Prepared, _ importance: FeatureImportance?,
        refitted: Trainer.Result? = nil, settings: TrainingSettings
    ) {
        self.refitted = refitted
        self.fitted = fitted
        self.prepared = prepared
        self.importance = importance
        self.settings = settings
    }

    /// The card as Markdown.
    func markdown() -> String {
        let (survey, times) = (prepared.survey, prepared.times)
        let trainedUntil = refitted == nil ? times.split : times.end
        let holdoutNote = refitted == nil ? "" : " The figures, parts and SHAP values below are of its evaluated twin."
        let evaluated =
            refitted == nil
            ? "What is served"
            : "A twin, trained with the same settings on \(fitted.result.trainingExamples) points whose labels were known by "
                + dateText(times.split)
        return """
            # Model card

            **What it says.** For a customer at an instant: the probability of a purchase on another invoice within the next \
            \(settings.horizon.days) days. Served model: \(settings.servingModel.rawValue).

            **What it learned from.** \(survey.events) events of \(survey.customers.count) customers, \
            \(dateText(survey.firstTime)) to \(dateText(survey.lastTime)); \(served.trainingExamples) points whose labels were \
            known by \(dateText(trainedUntil)). Shares of the weight: events \(settings.shares.events), invoices \
            \(settings.shares.invoices), snapshots \(settings.shares.observations).

            **What was judged.** \(evaluated), by points from \(dateText(times.split)) to \(dateText(times.lastTest)), on which nothing was \
            fitted or chosen.\(holdoutNote) Intervals: 95 %, \(Evaluation.replicates) resamples of customers.

            **Not for.** Customers of another kind of shop than this history's; events without a customer; deciding anything \
            about a person that they could not be told of.

            ## Figures

            \(fitted.evaluation.markdown())

            ## Parts of E2

            \(markdownTable(["by", "part", "n", "positives", "ROC-AUC", "log loss", "ECE"], slices))

            ## What moves it

            Mean absolute SHAP value of the served model's log-odds over \(importance?.examples ?? 0) points of E2.

            \(markdownTable(["feature", "mean abs. SHAP", "definition"], features))

            ## How the members become models

            log-odds = intercept + Σ weight · member's log-odds

            \(markdownTable(["model", "intercept", "logistic regression", "random forest", "XGBoost"], weights))

            ## Settings

            \(markdownTable(["setting", "value"], settings.record.sorted { $0.key < $1.key }.map { [$0.key, $0.value] }))

            """
    }

    private var slices: [[String]] {
        fitted.evaluation.slices.map { slice in
            [
                slice.group, slice.name, "\(Int(slice.metrics.n))", fixed(slice.metrics.positiveRate, 3),
                fixed(slice.metrics.rocAUC, 4), fixed(slice.metrics.logLoss, 4), fixed(slice.metrics.ece, 4),
            ]
        }
    }

    private var features: [[String]] {
        let schema = settings.schema
        return (importance?.features.prefix(15) ?? []).map { feature in
            [
                "`\(feature.name)`", fixed(feature.value, 4),
                Feature.allCases.first { schema.name(of: $0) == feature.name }?.definition(for: schema.horizon) ?? "",
            ]
        }
    }

    private var weights: [[String]] {
        ModelName.allCases.compactMap { name in served.weights[name].map { (name, $0) } }.map {
            [$0.rawValue] + [$1.intercept, $1.logisticRegression, $1.randomForest, $1.xgboost].map { fixed($0, 4) }
        }
    }
}
