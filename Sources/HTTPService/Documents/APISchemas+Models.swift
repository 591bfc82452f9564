import Ensemble
import Monitoring

/// The schemas of what is said of other models.
extension APISchemas {
    var ofModels: [(name: String, schema: JSONSchema)] {
        [
            ("Reload", .object([("model_version", .string()), ("changed", .boolean("Whether it is another one."))])),
            ("ModelVersions", versions), ("ModelComparison", comparison),
        ]
    }

    private static let priorities = ["high", "medium", "low"]
    private static let models = ModelName.all.map(\.rawValue)

    /// Whether states in memory are what the log says.
    var audit: JSONSchema {
        let difference = JSONSchema.object([
            ("feature", .oneOf(context.artifact.schema.names)), ("live", .numberOrNull("By the state in memory.")),
            ("log", .numberOrNull("By the log.")),
        ])
        let finding = JSONSchema.object([
            ("time", .instant), ("customer_id", .string()), ("partition", .integer()), ("position", .integer()),
            ("part", .string("Part of the state that differs first.")), ("features", .array(of: difference)),
        ])
        return .object(
            [
                ("same", .integer("Customers whose state in memory is what the log says.", from: 0)),
                ("different", .integer("Customers whose state is not.", from: 0)),
                ("untold", .integer("Customers some of whose events are not in the log.", from: 0)),
                ("finding", .any(of: [finding, .null], "The latest difference.")),
            ], "Customers whose states were computed anew from the log since the start.")
    }

    /// A version held against the one in service by the labels of what both have scored.
    var pairedComparison: JSONSchema {
        let gain = JSONSchema.any(
            of: [.object(["value", "lower", "upper"].map { ($0, .number()) }), .null],
            "Positive where it is better, with an interval that holds while one keeps looking; null of too few customers."
        )
        let figures: [(String, JSONSchema)] = [
            ("predictions", .integer()), ("customers", .integer()), ("log_loss_gain", gain), ("roc_auc_gain", gain),
        ]
        return .object(
            [
                ("version", .string()), ("champion", .string("The version in service.")),
                ("verdict", .oneOf(PairedComparison.Verdict.allCases.map(\.rawValue))),
            ] + figures + [
                ("slices", .array(of: .object([("group", .string()), ("name", .string())] + figures)))
            ])
    }

    private var versions: JSONSchema {
        let version = JSONSchema.object([
            ("version", .string()), ("serving_model", .oneOf(Self.models)), ("trained_until", .instant),
            ("training_points", .integer()), ("is_current", .boolean("Whether `current` points to it.")),
            ("is_previous", .boolean("Whether a rollback returns to it.")),
            ("role", .stringOrNull("canary or challenger; null where it has none.")),
            ("promoted", .stringOrNull("When it was put in service last.")), ("promoted_because", .stringOrNull()),
        ])
        return .object([
            ("serving", .string("The version that this worker serves.")),
            ("may_promote", .boolean("Whether the worker has a token, without which it takes no promotion.")),
            ("versions", .array(of: version)),
        ])
    }

    private var figures: [(String, JSONSchema)] {
        let share = JSONSchema.number(rest: "\"minimum\":0,\"maximum\":1")
        let priority = JSONSchema.object([
            ("priority", .oneOf(Self.priorities)), ("before", .integer()), ("after", .integer()),
            (
                "becomes",
                .object(Self.priorities.map { ($0, .integer()) }, "What its rows of before become.")
            ),
        ])
        return [
            ("rows", .integer()),
            (
                "score_shift",
                .number("Population stability index of the served probability, in tenths of the present model's.")
            ),
            ("flips", share), ("mean_before", share), ("mean_after", share),
            ("priorities", .array(of: priority, "Rows by their priority.")),
        ]
    }

    private var comparison: JSONSchema {
        let model = JSONSchema.object([
            ("version", .string()), ("serving_model", .oneOf(Self.models)),
            (
                "base_log_odds",
                .numberOrNull("Of a row of which nothing is known; null where it cannot be taken apart.")
            ),
        ])
        let reason = JSONSchema.object([
            ("feature", .oneOf(context.artifact.schema.names)), ("value", .numberOrNull()),
            ("log_odds_before", .number()), ("log_odds_after", .number()),
        ])
        let mover = JSONSchema.object([
            ("customer_id", .string()), ("time", .instant), ("probability_before", .probability),
            ("priority_before", .oneOf(Self.priorities)), ("probability_after", .probability),
            ("priority_after", .oneOf(Self.priorities)),
            (
                "reasons",
                .any(
                    of: [.array(of: reason), .null],
                    "The features whose contributions differ most; null where a model cannot be taken apart.")
            ),
        ])
        let slice = JSONSchema.object([("group", .string()), ("name", .string())] + figures)
        let histogram = JSONSchema.array(of: .integer(), "Rows by probability, in twenty bins of equal width.")
        return .object(
            [
                ("time", .instant), ("before", model), ("after", model),
                ("is_judged", .boolean("Whether there were enough rows to hold the limits against.")),
                ("exceeded", .array(of: .string(), "What is beyond the limits of blast_radius.")),
                ("from", .instantOrNull), ("to", .instantOrNull),
                ("predictions_per_day", .number("Of event time; 0 where that is not known.")),
            ] + figures + [
                ("histogram_before", histogram), ("histogram_after", histogram), ("slices", .array(of: slice)),
                ("movers", .array(of: mover, "One row a customer, the largest change of log-odds first.")),
            ], "The worker's latest rows, scored by both models.")
    }
}
