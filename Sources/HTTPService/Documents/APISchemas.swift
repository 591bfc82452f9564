import Customers
import Ensemble
import Events
import Features

/// The schemas of all that is asked and answered, by name.
struct APISchemas {
    let context: ScoringContext
    let settings: HTTPSettings

    var all: [(name: String, schema: JSONSchema)] {
        [
            ("Live", .object([("status", .oneOf(["live"]))])),
            ("Ready", ready), ("Status", status), ("Counters", counters), ("Partition", partition),
            ("Percentiles", allPercentiles), ("RecentPercentiles", recentPercentiles), ("Grades", grades),
            ("GradedVersion", gradedVersion),
            ("Figures", .object(Self.figures)),
            ("Drift", drift), ("DriftEntry", driftEntry), ("Model", model),
            ("Features", features),
            ("FeatureValues", featureValues), ("Members", members), ("Explanation", explanation), ("Event", event),
            ("ScoreRequest", scoreRequest), ("Score", score), ("FeatureScoreRequest", featureScoreRequest),
            (
                "FeatureScore",
                .object(prediction + [("explanation", .reference("Explanation"))], optional: ["explanation"])
            ),
            ("Customer", customer), ("Ranking", ranking), ("Problem", problem),
        ] + ofModels
    }

    private static let models = ModelName.all.map(\.rawValue)
    private static let share = JSONSchema.number(rest: "\"minimum\":0,\"maximum\":1")

    // MARK: Scores

    private var prediction: [(String, JSONSchema)] {
        [
            ("purchase_probability", .probability), ("members", .reference("Members")),
            ("priority", .oneOf(["high", "medium", "low"])), ("model_version", .string()),
            ("schema_fingerprint", .string(rest: "\"pattern\":\"^[0-9a-f]{16}$\"")),
        ]
    }

    private var members: JSONSchema {
        .object(
            context.artifact.ensemble.models.map { ($0.rawValue, .probability) },
            "The probability by each model of the artifact.")
    }

    private var featureValues: JSONSchema {
        .object(
            context.artifact.schema.names.map { ($0, .numberOrNull()) },
            "Every feature by name, null where it has no value. GET /v1/features says what they are.")
    }

    private var explanation: JSONSchema {
        .any(
            of: [
                JSONSchema.object([
                    ("model", .oneOf(Self.models)), ("method", .string()), ("base_log_odds", .number()),
                    ("log_odds", .number()), ("probability", .probability),
                    (
                        "contributions",
                        .array(
                            of: .object([
                                ("feature", .oneOf(context.artifact.schema.names)), ("value", .numberOrNull()),
                                ("log_odds", .number()),
                            ]), "All features, those that move the log-odds most first.")
                    ),
                ]), .null,
            ], "What each feature adds to the log-odds; null where the model cannot be taken apart.")
    }

    private var event: JSONSchema {
        let identifier = JSONSchema.any(of: [
            .string(rest: "\"minLength\":1,\"maxLength\":\(CustomerEvent.identifierLimit)"), .integer(),
        ])
        let text = JSONSchema.any(of: [.string(), .number(), .null])
        let limit = Int(CustomerEvent.quantityLimit)
        let number = JSONSchema.any(of: [
            .number(rest: "\"minimum\":\(-limit),\"maximum\":\(limit)"), .string("A number as text."),
        ])
        let schemas: [EventField: JSONSchema] = [
            .description: text, .country: text, .quantity: number, .unitPrice: number, .lineTotal: number,
            .invoiceDate: .any(
                of: [.string("ISO 8601, UTC.", rest: "\"format\":\"date-time\""), .integer(to: Int(EventTime.latest))],
                "Or milliseconds since 1970."),
        ]
        let format = context.format
        guard format.isFlat else {
            return .object(
                [], allowsMore: true, "A message as the input topic carries it; where its fields stand is configured.")
        }
        let fields = EventField.allCases.filter { !format.fields[$0].isEmpty }
        return .object(
            fields.map { (format.fields[$0], schemas[$0] ?? identifier) },
            optional: Set(fields.filter { !format.needs($0) }.map { format.fields[$0] }), allowsMore: true,
            "One line of one invoice, as the input topic carries it: quantities are pieces, negative in cancellations; prices "
                + "are kept to four decimals. Other members are allowed and ignored.")
    }

    private var scoreRequest: JSONSchema {
        .object(
            [
                (
                    "events",
                    .array(
                        of: .reference("Event"), "One customer's events in the order in which they happened.",
                        rest: "\"minItems\":1,\"maxItems\":\(settings.maxEvents)")
                ),
                (
                    "as_of",
                    .stringOrNull(
                        "Instant to look from; the latest event's unless given.", rest: "\"format\":\"date-time\"")
                ),
            ], optional: ["as_of"])
    }

    private var score: JSONSchema {
        .object(
            [("customer_id", .string()), ("event_time", .instant), ("as_of", .instant)] + prediction + [
                ("features", .reference("FeatureValues")), ("explanation", .reference("Explanation")),
            ], optional: ["explanation"],
            "What the stream would publish after the last event, to the last bit, and why.")
    }

    private var featureScoreRequest: JSONSchema { .object([("features", .reference("FeatureValues"))]) }

    // MARK: Customers

    private var customer: JSONSchema {
        let counts: (String) -> (String, JSONSchema) = { ($0, .integer()) }
        let basket = JSONSchema.object(
            ["events", "purchase_lines", "return_lines", "units"].map(counts) + [("spend", .money)],
            "Since the invoice number last changed.")
        let window = JSONSchema.object(
            [("days", .integer()), ("spend", .money), ("return_amount", .money)]
                + [
                    "events", "purchase_lines", "return_lines", "purchase_invoices", "purchase_days", "invoices",
                    "products", "descriptions", "units",
                ].map(counts))
        let instant = JSONSchema.object([
            ("time", .instant), ("spend", .money), ("units", .integer()), ("purchase_lines", .integer()),
            ("return_lines", .integer()), ("return_amount", .money),
        ])
        let state = JSONSchema.object(
            ["first_event", "first_purchase", "last_purchase", "last_return", "last_event"].map { ($0, .instantOrNull) }
                + [
                    "events", "purchase_lines", "repeat_lines", "return_lines", "units", "purchase_invoices",
                    "purchase_days", "weekend_events",
                ].map(counts)
                + ["spend", "return_amount", "largest_basket_spend"].map { ($0, .money) }
                + [
                    ("country", .stringOrNull("As far as the model knows it.")), ("basket", basket),
                    ("windows", .array(of: window)),
                    ("days_bought", .array(of: .string(rest: "\"format\":\"date\""), "Of 365 days, ascending.")),
                    ("timeline", .array(of: instant, "The instants of 365 days at which something happened.")),
                ], "Sums are of the whole history.")
        return .object([
            ("customer_id", .string()), ("topic", .string()), ("partition", .integer()),
            ("is_state_complete", .boolean("False when events are known to be missing.")),
            ("clock", .instant), ("as_of", .instant),
            ("prediction", .object(prediction, "The latest one of the stream, or what it is as of that time.")),
            ("state", state), ("features", .reference("FeatureValues")), ("explanation", .reference("Explanation")),
        ])
    }

    private var ranking: JSONSchema {
        let entry = JSONSchema.object([
            ("customer_id", .string()), ("partition", .integer()), ("probability", .probability),
            ("priority", .oneOf(["high", "medium", "low"])), ("time", .instantOrNull),
        ])
        return .object([
            ("customers", .integer("Customers that were ranked.")),
            (
                "restoring_partitions",
                .array(of: .integer(), "Partitions that are left out, since their state is being restored.")
            ),
            ("entries", .array(of: entry, "By their probability as of their partition's clock, the highest first.")),
        ])
    }

    private var problem: JSONSchema {
        .object(
            [
                ("type", .oneOf(Problem.Kind.allCases.map { "urn:future-cart:problem:\($0.rawValue)" })),
                ("title", .string()), ("status", .integer(from: 400, to: 599)), ("detail", .string()),
                ("instance", .string()),
            ], allowsMore: true, "RFC 9457; beside these members stand those that the detail is about.")
    }
}

// MARK: The worker

extension APISchemas {
    private var ready: JSONSchema {
        .object([
            ("status", .oneOf(["ready", "not ready"])), ("model_loaded", .boolean()), ("model_version", .string()),
            ("membership", membership), ("partitions", .integer()), ("partitions_live", .integer()),
            ("restored_percent", .number(rest: "\"minimum\":0,\"maximum\":100")), ("missing", .array(of: .string())),
        ])
    }

    private var status: JSONSchema {
        .object([
            ("ready", .boolean()), ("membership", membership), ("kafka", kafka), ("model", servedModel),
            ("uptime_seconds", .number()),
            ("model_version", .string()),
            ("serving", .oneOf(Self.models)), ("counters", .reference("Counters")),
            ("partitions", .array(of: .reference("Partition"))),
            ("scores", .array(of: .integer(), "Served probabilities since the start, in twenty bins of equal width.")),
            ("end_to_end", .reference("Percentiles")), ("end_to_end_recent", .reference("RecentPercentiles")),
            ("audit", audit), ("grades", .reference("Grades")),
            ("drift", .reference("Drift")),
        ])
    }

    private var servedModel: JSONSchema {
        .object(
            [
                ("version", .string()), ("since", .instant), ("changes", .integer(from: 0)),
                ("refusals", .integer(from: 0)),
                (
                    "canary",
                    .any(
                        of: [.object([("version", .string()), ("share", Self.share)]), .null],
                        "The model that serves a share of the customers; null where there is none.")
                ),
                ("challengers", .array(of: .string(), "Versions that score for comparison only.")),
                ("refused_since", .instantOrNull),
                ("refused_because", .stringOrNull("Why the model that is to be served is not; null where it is.")),
            ], "Which model is served, and since when by this worker.")
    }

    private var kafka: JSONSchema {
        .object(
            [
                ("up", .boolean()), ("away_since", .instantOrNull), ("away_seconds", .number()),
                ("reason", .stringOrNull("Why, as far as Kafka's client knows, and what to check.")),
                (
                    "partitions_added",
                    .integer(
                        "Partitions that the input topic has got since its states were begun; these do not follow.",
                        from: 0)
                ),
            ], "Whether Kafka answers, and what has become of the input topic.")
    }

    private var counters: JSONSchema {
        .object(
            [
                "received", "scored", "rescored", "anonymous", "tombstones", "ignored", "repeated", "refused",
                "keyless",
                "foreign_keys", "misplaced_customers", "rejected", "restored",
                "committed",
                "customers", "partitions",
                "restoring", "checkpoints", "checkpoint_failures", "commits", "transactions_aborted",
            ].map { ($0, .integer()) }, "Since the start; rates are the differences of two answers.")
    }

    private var partition: JSONSchema {
        .object([
            ("topic", .string()), ("partition", .integer()), ("thread", .integer()),
            ("phase", .oneOf(["loading", "rebuilding", "live", "awaiting_schema"])), ("restored", Self.share),
            ("position", .integer(from: -2000)), ("log_end", .integer(from: -2000)),
            ("lag", .integerOrNull("null while Kafka is away.")),
            ("customers", .integer()), ("state_bytes", .integer()), ("expected_state_bytes", .integer()),
            ("is_incomplete", .boolean("Whether events are known to be missing.")), ("clock", .instantOrNull),
        ])
    }

    private static let percentiles: [(String, JSONSchema)] =
        [("count", .integer())]
        + ["p50_seconds", "p90_seconds", "p99_seconds", "max_seconds"].map { ($0, .numberOrNull()) }

    private var allPercentiles: JSONSchema {
        .object(
            Self.percentiles,
            "From the message's timestamp to the prediction's being handed to Kafka since the start, seconds, to within 6 %."
        )
    }

    private var recentPercentiles: JSONSchema {
        .object(
            [("window_seconds", .number("How far back it looks; five minutes, less after a start."))]
                + Self.percentiles,
            "The same of the last minutes.")
    }

    private var membership: JSONSchema {
        .oneOf(["joining", "member"], "How the worker stands to its group; a member without partitions stands by.")
    }

    private var grades: JSONSchema {
        .object(
            [
                ("pending", .integer()), ("bought", .integer()), ("not_bought", .integer()),
                ("sampled_share", Self.share), ("versions", .array(of: .reference("GradedVersion"))),
                ("comparisons", .array(of: pairedComparison, "Versions that have scored beside the one in service.")),
            ], "What predictions have come to.")
    }

    private var gradedVersion: JSONSchema {
        let bin = JSONSchema.object([
            ("count", .integer()), ("predicted", .numberOrNull()), ("observed", .numberOrNull()),
        ])
        let day: [(String, JSONSchema)] = [
            ("day", .string(rest: "\"format\":\"date\"")), ("is_complete", .boolean("Whether every label is known.")),
        ]
        return .object([
            ("version", .string()), ("serving_model", .oneOf(Self.models)),
            ("figures", .map(of: .reference("Figures"), "By model, over the predictions of events.")),
            (
                "rescored",
                .map(
                    of: .reference("Figures"),
                    "By model, over those of the schedule (rescoring.every), one a week of each customer.")
            ),
            ("calibration", .array(of: bin)),
            ("days", .array(of: .object(day + Self.figures), "The served model's figures by day.")),
        ])
    }

    private static let figures: [(String, JSONSchema)] = [
        "roc_auc", "pr_auc", "accuracy", "precision", "recall", "f1", "log_loss", "brier", "ece", "lift_top_decile",
        "n",
        "positive_rate",
    ].map { ($0, .numberOrNull()) }

    private var drift: JSONSchema {
        .object([
            ("rows", .integer()), ("from", .instantOrNull), ("to", .instantOrNull),
            ("false_alarms", .number("Chance that anything is called drifting when nothing has changed.")),
            ("score", .any(of: [.reference("DriftEntry"), .null])),
            ("features", .array(of: .reference("DriftEntry"))),
        ])
    }

    private var driftEntry: JSONSchema {
        .object(
            [("name", .string()), ("is_drifting", .boolean())]
                + ["psi", "threshold", "missing", "reference_missing", "out_of_range"].map { ($0, .numberOrNull()) }
                + ["live", "reference", "edges"].map { ($0, .array(of: .numberOrNull())) })
    }

    private var model: JSONSchema {
        let history = JSONSchema.object([
            ("sha256", .string()), ("events", .integer()), ("anonymous_events", .integer()), ("customers", .integer()),
            ("first_event", .instant), ("last_event", .instant),
        ])
        let weights = JSONSchema.object(
            ["intercept", "logistic_regression", "random_forest", "xgboost"].map { ($0, .number()) })
        return .object([
            ("version", .string()), ("serving_model", .oneOf(Self.models)), ("models", .array(of: .oneOf(Self.models))),
            ("trained_until", .instant), ("training_points", .integer()), ("history", history),
            ("schema_fingerprint", .string()), ("windows_days", .array(of: .integer())), ("horizon_days", .integer()),
            ("time_to_live_days", .integer()),
            ("weights", .map(of: weights, "How the members' margins become log-odds.")),
            ("made_with", .map(of: .string())),
            ("results", .map(of: .anything, "The evaluation, as results.json has it.")),
        ])
    }

    private var features: JSONSchema {
        .object([
            ("schema_fingerprint", .string()),
            (
                "features",
                .array(
                    of: .object([("position", .integer()), ("name", .string()), ("definition", .string())]),
                    "In the order of the rows that are scored.")
            ),
        ])
    }
}
