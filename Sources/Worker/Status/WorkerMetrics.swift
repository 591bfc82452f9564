import CoreMetrics
import Ensemble
import Foundation
import Kafka
import Monitoring
import Synchronization

/// A worker's status as metrics: brought up to date before they are read.
///
/// What a thread measures itself (stages, batches, commits, checkpoints, latency) it records as it happens.
package final class WorkerMetrics: Sendable {
    /// What stands before the names.
    package static let namespace = "future_cart"

    private let worker: Worker
    private let state: Mutex<State>
    private let startSeconds = Date().timeIntervalSince1970

    private struct State {
        var counted: WorkerCounters.Snapshot?
        var connectionErrors: [ConnectionProblem.Cause: Int] = [:]
        var model: WorkerStatus.Model?
        var gauges: GaugeSet
    }

    /// - Parameter worker: whose status is recorded, with the worker's own metrics factory.
    package init(_ worker: Worker) {
        self.worker = worker
        state = Mutex(State(gauges: GaugeSet(factory: worker.metrics)))
    }

    /// What is to be served to Prometheus: how things stand when it is called.
    /// - Parameter registry: where the worker records.
    package func text(_ registry: PrometheusRegistry) -> @Sendable () -> String {
        {
            self.refresh()
            return registry.text()
        }
    }

    /// Records how things stand.
    private func refresh() {
        let status = worker.status
        let manifest = worker.artifact.manifest
        state.withLock { state in
            Self.count(status.counters, since: state.counted, worker.metrics)
            Self.count(status.kafka.errors, since: state.connectionErrors, worker.metrics)
            Self.count(status.model, since: state.model, worker.metrics)
            (state.counted, state.connectionErrors) = (status.counters, status.kafka.errors)
            state.model = status.model
            state.gauges.begin()
            Self.state(status, &state.gauges)
            state.gauges.set("process_start_time_seconds", startSeconds)
            Self.drift(status.drift, &state.gauges)
            Self.grades(status.grades, &state.gauges)
            state.gauges.set(
                "model_info", 1,
                [
                    ("version", manifest.version), ("serving", manifest.servingModel.rawValue),
                    ("schema", manifest.schemaFingerprint),
                ])
            state.gauges.set("model_served_seconds", Date().timeIntervalSince(status.model.since))
            if let age = status.modelAge(trainedUntil: manifest.trainedUntil) {
                state.gauges.set("model_age_seconds", age)
            }
            for (outcome, count) in [
                ("same", status.audit.same), ("different", status.audit.different), ("untold", status.audit.untold),
            ] {
                state.gauges.set("audited_customers", Double(count), [("outcome", outcome)])
            }
            state.gauges.set("model_refused", status.model.refused == nil ? 0 : 1)
            let roles = status.model.roles
            state.gauges.set("model_canary_share", Double(roles.canary?.perTenThousand ?? 0) / 10_000)
            for (version, role) in (roles.canary.map { [($0.version, "canary")] } ?? [])
                + roles.challengers.map({ ($0, "challenger") })
            {
                state.gauges.set("model_beside_info", 1, [("version", version), ("role", role)])
            }
            state.gauges.end()
        }
    }

    private static func count(
        _ now: WorkerCounters.Snapshot, since before: WorkerCounters.Snapshot?, _ factory: any MetricsFactory
    ) {
        func counter(
            _ label: String, _ figure: KeyPath<WorkerCounters.Snapshot, Int>, _ dimensions: [(String, String)] = []
        ) {
            Counter(label: label, dimensions: dimensions, factory: factory).increment(
                by: now[keyPath: figure] - (before?[keyPath: figure] ?? 0))
        }
        counter("events_received", \.received)
        counter("predictions", \.scored)
        counter("rescored_predictions", \.rescored)
        counter("anonymous_events", \.anonymous)
        counter("tombstones", \.tombstones)
        counter("ignored_messages", \.ignored)
        counter("repeated_messages", \.repeated)
        counter("refused_predictions", \.refused)
        counter("keyless_messages", \.keyless)
        counter("foreign_key_messages", \.foreignKeys)
        counter("misplaced_customers", \.misplacedCustomers)
        counter("dead_letters", \.rejected)
        counter("events_restored", \.restored)
        counter("events_committed", \.committed)
        counter("commits", \.commits)
        counter("transactions_aborted", \.transactionsAborted)
        counter("checkpoints", \.checkpoints)
        counter("checkpoint_failures", \.checkpointFailures)
        counter("outcomes", \.bought, [("bought", "true")])
        counter("outcomes", \.notBought, [("bought", "false")])
    }

    private static func count(
        _ now: [ConnectionProblem.Cause: Int], since before: [ConnectionProblem.Cause: Int],
        _ factory: any MetricsFactory
    ) {
        for cause in ConnectionProblem.Cause.allCases {
            Counter(label: "kafka_connection_errors", dimensions: [("cause", cause.rawValue)], factory: factory)
                .increment(
                    by: (now[cause] ?? 0) - (before[cause] ?? 0))
        }
    }

    private static func count(
        _ now: WorkerStatus.Model, since before: WorkerStatus.Model?, _ factory: any MetricsFactory
    ) {
        for (outcome, figure) in [("served", \WorkerStatus.Model.changes), ("refused", \.refusals)] {
            Counter(label: "model_reloads", dimensions: [("outcome", outcome)], factory: factory)
                .increment(by: now[keyPath: figure] - (before?[keyPath: figure] ?? 0))
        }
    }

    private static func state(_ status: WorkerStatus, _ gauges: inout GaugeSet) {
        gauges.set("customers", Double(status.counters.customers))
        gauges.set("group_member", status.membership == .member ? 1 : 0)
        for phase in [WorkerStatus.Partition.Phase.loading, .rebuilding, .live, .awaitingSchema] {
            gauges.set(
                "partitions", Double(status.partitions.count { $0.phase == phase }), [("phase", phase.rawValue)])
        }
        for partition in status.partitions {
            let labels = [("topic", partition.topic), ("partition", "\(partition.partition)")]
            if let lag = status.lag(of: partition) { gauges.set("partition_lag_messages", Double(lag), labels) }
            gauges.set("partition_restored_ratio", partition.restored, labels)
            gauges.set("partition_incomplete", partition.isIncomplete ? 1 : 0, labels)
        }
        gauges.set("kafka_up", status.kafka.outage == nil ? 1 : 0)
        gauges.set("kafka_away_seconds", status.kafka.outage?.seconds ?? 0)
        gauges.set("input_partitions_added", Double(status.kafka.partitionsAdded))
        gauges.set("state_bytes", Double(status.partitions.reduce(0) { $0 + $1.stateBytes }))
        gauges.set("state_expected_bytes", Double(status.partitions.reduce(0) { $0 + $1.expectedStateBytes }))
        gauges.set("uptime_seconds", status.uptimeSeconds)
        if let bytes = residentBytes { gauges.set("process_resident_memory_bytes", bytes) }
    }

    private static func drift(_ drift: DriftReport, _ gauges: inout GaugeSet) {
        gauges.set("drift_rows", Double(drift.rows))
        guard let score = drift.score else { return }
        gauges.set("score_drift_psi", score.psi)
        gauges.set("score_drift_threshold", score.threshold)
        gauges.set("drifting_features", Double(drift.features.count(where: \.isDrifting)))
        for feature in drift.features {
            let labels = [("feature", feature.name)]
            gauges.set("feature_drift_psi", feature.psi, labels)
            gauges.set("feature_drift_threshold", feature.threshold, labels)
            gauges.set("feature_missing_ratio", feature.missing, labels)
            gauges.set("feature_out_of_range_ratio", feature.outOfRange, labels)
        }
    }

    private static func grades(_ grades: OnlineEvaluation, _ gauges: inout GaugeSet) {
        gauges.set("predictions_pending", Double(grades.pending))
        gauges.set("grading_sampled_ratio", grades.sampledShare)
        for version in grades.versions {
            for (model, metrics) in version.figures {
                let labels = [("model_version", version.version), ("model", model.rawValue)]
                gauges.set("grade_roc_auc", metrics.rocAUC, labels)
                gauges.set("grade_log_loss", metrics.logLoss, labels)
                gauges.set("grade_ece", metrics.ece, labels)
                gauges.set("grade_lift_top_decile", metrics.liftTopDecile, labels)
                gauges.set("grade_positive_ratio", metrics.positiveRate, labels)
                gauges.set("grade_predictions", metrics.n, labels)
            }
        }
    }

    /// Bytes of memory that the process occupies, as Linux tells; `nil` where it does not.
    package static var residentBytes: Double? {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8),
            let pages = text.split(separator: " ").dropFirst().first.flatMap({ Double($0) })
        else { return nil }
        return pages * Double(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// What is said of each metric.
    package static let descriptions: [String: PrometheusRegistry.Description] = [
        "events_received_total": .init(
            .counter, "Messages taken from the input topic; what is processed anew counts anew"),
        "predictions_total": .init(.counter, "Predictions of events handed to Kafka"),
        "rescored_predictions_total": .init(
            .counter, "Predictions of customers without an event, as of an instant of the schedule (rescoring.every)"),
        "tombstones_total": .init(.counter, "Messages without a value, as deletions leave them"),
        "keyless_messages_total": .init(.counter, "Messages of customers without a key, which land in any partition"),
        "foreign_key_messages_total": .init(.counter, "Messages whose key is not their customer"),
        "misplaced_customers_total": .init(
            .counter, "Customers with messages in two partitions, of one in sixteen that are followed"),
        "repeated_messages_total": .init(
            .counter, "Messages whose events all have been sent before, as their identifiers say (fields.event_id)"),
        "refused_predictions_total": .init(
            .counter,
            "Predictions that their topic does not take; their messages are dead letters (output.when_refused)"),
        "ignored_messages_total": .init(
            .counter, "Messages that are understood and say nothing that counts: updates, deletions, ignored statuses"),
        "anonymous_events_total": .init(.counter, "Events without a customer, which are not scored"),
        "dead_letters_total": .init(.counter, "Messages that are no customer event"),
        "events_restored_total": .init(.counter, "Messages read again to bring state back"),
        "events_committed_total": .init(.counter, "Messages whose offsets are committed"),
        "commits_total": .init(.counter, "Commits of offsets"),
        "transactions_aborted_total": .init(
            .counter, "Transactions that were given up; their events were processed anew"),
        "checkpoints_total": .init(.counter, "Checkpoints taken"),
        "checkpoint_failures_total": .init(.counter, "Checkpoints that failed; the stream goes on"),
        "outcomes_total": .init(
            .counter, "Predictions whose label became known, by whether the customer bought again"),
        "customers": .init(.gauge, "Customers in memory"),
        "partitions": .init(.gauge, "Assigned partitions by what becomes of their messages"),
        "group_member": .init(.gauge, "1 while the worker is a member of its group, with partitions or without"),
        "partition_lag_messages": .init(
            .gauge, "Messages of an assigned partition that are still to be processed; not there while Kafka is away"),
        "model_reloads_total": .init(
            .counter, "Models that were to be served without a restart, by what came of it: served or refused"),
        "model_refused": .init(
            .gauge, "1 while another model is to be served than the one that is, because it is refused; otherwise 0"),
        "model_canary_share": .init(
            .gauge, "Share of the customers whom another model serves than the one in service; 0 where there is none"),
        "model_beside_info": .init(
            .gauge, "1, with the version and role of a model that scores beside the one in service"),
        "audited_customers": .init(
            .gauge, "Customers whose states were computed anew from the log since the start, by what came of it"),
        "model_age_seconds": .init(
            .gauge,
            "Event time from the end of the training period of the model in service to the latest partition's clock"),
        "model_served_seconds": .init(.gauge, "For how long this worker has served its model"),
        "kafka_up": .init(.gauge, "1 while Kafka answers, 0 while it does not"),
        "kafka_away_seconds": .init(.gauge, "For how long Kafka has not answered; 0 while it does"),
        "kafka_connection_errors_total": .init(.counter, "How often a client was without a connection, by cause"),
        "input_partitions_added": .init(
            .gauge, "Partitions that the input topic has got since its states were begun; these do not follow them"),
        "partition_restored_ratio": .init(.gauge, "Share of what must be read before the partition is live"),
        "partition_incomplete": .init(.gauge, "1 where events are known to be missing from the state"),
        "state_bytes": .init(.gauge, "Memory of the customers' states"),
        "state_expected_bytes": .init(
            .gauge, "Memory that the states will take once as many are forgotten as come"),
        "uptime_seconds": .init(.gauge, "Time since the worker was started"),
        "process_resident_memory_bytes": .init(.gauge, "Memory that the process occupies"),
        "process_start_time_seconds": .init(.gauge, "When the process was started, seconds since 1970"),
        "model_info": .init(
            .gauge, "1, with the version in service, the model that is served and the schema's fingerprint"),
        "stage_duration_seconds": .init(.histogram, "Time of a batch in each stage"),
        "batch_messages": .init(
            .histogram, "Messages of a batch",
            bounds: (0...14).map { Double(sign: .plus, exponent: $0, significand: 1) }),
        "commit_duration_seconds": .init(.histogram, "Time of a commit"),
        "checkpoint_duration_seconds": .init(.histogram, "Time from a checkpoint's begin until it is durable"),
        "end_to_end_latency_seconds": .init(
            .histogram, "From the source message's timestamp to its prediction's being handed to Kafka; one in 16"),
        "score": .init(
            .histogram, "Published probabilities; one in 16",
            bounds: (0...16).map { Double(sign: .plus, exponent: $0 / 2 - 8, significand: $0 % 2 == 0 ? 1 : 1.5) }),
        "drift_rows": .init(.gauge, "Predictions in the drift window"),
        "drifting_features": .init(.gauge, "Features whose index is beyond its threshold"),
        "score_drift_psi": .init(.gauge, "Population stability index of the scores against the model's own"),
        "score_drift_threshold": .init(.gauge, "Index of the scores that chance alone exceeds once in 100 windows"),
        "feature_drift_psi": .init(
            .gauge, "Population stability index of a feature against what the model learned from"),
        "feature_drift_threshold": .init(
            .gauge, "Index that chance alone exceeds once in 100 windows, over all features together"),
        "feature_missing_ratio": .init(.gauge, "Share of predictions in the drift window without the feature"),
        "feature_out_of_range_ratio": .init(
            .gauge, "Share of predictions in the drift window outside what the model learned from"),
        "predictions_pending": .init(.gauge, "Predictions whose label is not known yet"),
        "grading_sampled_ratio": .init(.gauge, "Share of customers whose predictions are graded"),
        "grade_roc_auc": .init(.gauge, "ROC-AUC of predictions whose labels are known, within the grading window"),
        "grade_log_loss": .init(.gauge, "Log loss of those predictions, nats"),
        "grade_ece": .init(.gauge, "Expected calibration error of those predictions"),
        "grade_lift_top_decile": .init(.gauge, "How often the best tenth bought, against all of those predictions"),
        "grade_positive_ratio": .init(.gauge, "Share of those predictions whose customer bought again"),
        "grade_predictions": .init(.gauge, "Number of those predictions"),
    ]
}

/// Gauges by name and labels, of which those not set in a round are no more.
private struct GaugeSet: Sendable {
    private struct Key: Hashable {
        let label: String
        let dimensions: [[String]]
    }

    private let factory: any MetricsFactory
    private var gauges: [Key: (gauge: Meter, round: Int)] = [:]
    private var round = 0

    init(factory: any MetricsFactory) { self.factory = factory }

    mutating func begin() { round += 1 }

    mutating func set(_ label: String, _ value: Double, _ dimensions: [(String, String)] = []) {
        let key = Key(label: label, dimensions: dimensions.map { [$0.0, $0.1] })
        let gauge = gauges[key]?.gauge ?? Meter(label: label, dimensions: dimensions, factory: factory)
        gauge.set(value)
        gauges[key] = (gauge, round)
    }

    mutating func end() {
        for (key, entry) in gauges where entry.round != round {
            entry.gauge.destroy()
            gauges[key] = nil
        }
    }
}
