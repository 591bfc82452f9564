import Ensemble
import Events
import Monitoring
import Worker

/// What `GET /v1/status` says: the worker's status, all of it. Rates are the reader's to work out of two of them.
enum StatusAnswer {
    static func json(_ status: WorkerStatus, artifact: ModelArtifact) -> [UInt8] {
        JSONWriter.text { writer in
            writer.object { writer in
                writer.key("ready")
                writer.bool(status.isReady)
                writer.key("membership")
                writer.string(status.membership.rawValue)
                writer.key("kafka")
                kafka(status.kafka, &writer)
                writer.key("model")
                model(status.model, &writer)
                writer.key("uptime_seconds")
                writer.number(status.uptimeSeconds)
                writer.key("model_version")
                writer.string(artifact.manifest.version)
                writer.key("serving")
                writer.string(artifact.manifest.servingModel.rawValue)
                writer.key("counters")
                counters(status.counters, &writer)
                writer.key("partitions")
                writer.array(of: status.partitions) { partition($1, lag: status.lag(of: $1), &$0) }
                writer.key("scores")
                writer.array(of: status.scores) { $0.integer($1) }
                writer.key("end_to_end")
                writer.object { percentiles(status.endToEnd, &$0) }
                writer.key("end_to_end_recent")
                writer.object { writer in
                    writer.key("window_seconds")
                    writer.number(status.recentSeconds)
                    percentiles(status.recentEndToEnd, &writer)
                }
                writer.key("audit")
                audit(status.audit, &writer)
                writer.key("grades")
                grades(status.grades, &writer)
                writer.key("drift")
                drift(status.drift, &writer)
            }
        }
    }

    private static func counters(_ counters: WorkerCounters.Snapshot, _ writer: inout JSONWriter) {
        let figures = [
            ("received", counters.received), ("scored", counters.scored), ("rescored", counters.rescored),
            ("anonymous", counters.anonymous),
            ("tombstones", counters.tombstones), ("ignored", counters.ignored),
            ("repeated", counters.repeated), ("refused", counters.refused), ("keyless", counters.keyless),
            ("foreign_keys", counters.foreignKeys),
            ("misplaced_customers", counters.misplacedCustomers),
            ("rejected", counters.rejected), ("restored", counters.restored), ("committed", counters.committed),
            ("customers", counters.customers), ("partitions", counters.partitions), ("restoring", counters.restoring),
            ("checkpoints", counters.checkpoints), ("checkpoint_failures", counters.checkpointFailures),
            ("commits", counters.commits), ("transactions_aborted", counters.transactionsAborted),
        ]
        writer.object { writer in
            for (name, value) in figures {
                writer.key(name)
                writer.integer(value)
            }
        }
    }

    private static func model(_ model: WorkerStatus.Model, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("version")
            writer.string(model.version)
            writer.key("since")
            writer.instant(Int64(model.since.timeIntervalSince1970 * 1000))
            writer.key("changes")
            writer.integer(model.changes)
            writer.key("refusals")
            writer.integer(model.refusals)
            writer.key("canary")
            if let canary = model.roles.canary {
                writer.object { writer in
                    writer.key("version")
                    writer.string(canary.version)
                    writer.key("share")
                    writer.number(Double(canary.perTenThousand) / 10_000)
                }
            } else {
                writer.null()
            }
            writer.key("challengers")
            writer.array(of: model.roles.challengers) { $0.string($1) }
            writer.key("refused_since")
            writer.instant(model.refused.map { Int64($0.since.timeIntervalSince1970 * 1000) })
            writer.key("refused_because")
            writer.string(model.refused?.reason)
        }
    }

    private static func kafka(_ kafka: WorkerStatus.Kafka, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("up")
            writer.bool(kafka.outage == nil)
            writer.key("away_since")
            writer.instant(kafka.outage.map { Int64($0.since.timeIntervalSince1970 * 1000) })
            writer.key("away_seconds")
            writer.number(kafka.outage?.seconds ?? 0)
            writer.key("reason")
            writer.string(kafka.outage?.reason)
            writer.key("partitions_added")
            writer.integer(kafka.partitionsAdded)
        }
    }

    private static func partition(_ partition: WorkerStatus.Partition, lag: Int64?, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("topic")
            writer.string(partition.topic)
            writer.key("partition")
            writer.integer(partition.partition)
            writer.key("thread")
            writer.integer(partition.thread)
            writer.key("phase")
            writer.string(partition.phase.rawValue)
            writer.key("restored")
            writer.number(partition.restored)
            writer.key("position")
            writer.integer(partition.position)
            writer.key("log_end")
            writer.integer(partition.logEnd)
            writer.key("lag")
            if let lag { writer.integer(lag) } else { writer.null() }
            writer.key("customers")
            writer.integer(partition.customers)
            writer.key("state_bytes")
            writer.integer(partition.stateBytes)
            writer.key("expected_state_bytes")
            writer.integer(partition.expectedStateBytes)
            writer.key("is_incomplete")
            writer.bool(partition.isIncomplete)
            writer.key("clock")
            writer.instant(partition.clock == 0 ? nil : partition.clock)
        }
    }

    private static func percentiles(_ histogram: Histogram, _ writer: inout JSONWriter) {
        writer.key("count")
        writer.integer(histogram.count)
        for (name, share) in [("p50_seconds", 0.5), ("p90_seconds", 0.9), ("p99_seconds", 0.99), ("max_seconds", 1)] {
            writer.key(name)
            writer.number(histogram.count == 0 ? .nan : histogram.percentile(share))
        }
    }
}

extension StatusAnswer {
    private static func audit(_ audit: FeatureAudit.Status, _ writer: inout JSONWriter) {
        writer.object { writer in
            for (name, count) in [("same", audit.same), ("different", audit.different), ("untold", audit.untold)] {
                writer.key(name)
                writer.integer(count)
            }
            writer.key("finding")
            guard let finding = audit.finding else { return writer.null() }
            writer.object { writer in
                writer.key("time")
                writer.instant(Int64(finding.time.timeIntervalSince1970 * 1000))
                writer.key("customer_id")
                writer.string(finding.customerID)
                writer.key("partition")
                writer.integer(finding.partition)
                writer.key("position")
                writer.integer(finding.position)
                writer.key("part")
                writer.string(finding.part)
                writer.key("features")
                writer.array(of: finding.differences) { writer, difference in
                    writer.object { writer in
                        writer.key("feature")
                        writer.string(difference.feature)
                        for (name, value) in [("live", difference.live), ("log", difference.log)] {
                            writer.key(name)
                            if value.isNaN { writer.null() } else { writer.number(Double(value)) }
                        }
                    }
                }
            }
        }
    }

    private static func grades(_ grades: OnlineEvaluation, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("pending")
            writer.integer(grades.pending)
            writer.key("bought")
            writer.integer(grades.bought)
            writer.key("not_bought")
            writer.integer(grades.notBought)
            writer.key("sampled_share")
            writer.number(grades.sampledShare)
            writer.key("versions")
            writer.array(of: grades.versions) { version($1, &$0) }
            writer.key("comparisons")
            writer.array(of: grades.comparisons) { comparison($1, &$0) }
        }
    }

    private static func comparison(_ comparison: PairedComparison, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("version")
            writer.string(comparison.version)
            writer.key("champion")
            writer.string(comparison.champion)
            writer.key("verdict")
            writer.string(comparison.verdict.rawValue)
            paired(comparison.all, &writer)
            writer.key("slices")
            writer.array(of: comparison.slices) { writer, slice in
                writer.object { writer in
                    writer.key("group")
                    writer.string(slice.group)
                    writer.key("name")
                    writer.string(slice.name)
                    paired(slice.figures, &writer)
                }
            }
        }
    }

    private static func paired(_ figures: PairedComparison.Figures, _ writer: inout JSONWriter) {
        writer.key("predictions")
        writer.integer(figures.predictions)
        writer.key("customers")
        writer.integer(figures.customers)
        for (name, difference) in [("log_loss_gain", figures.logLoss), ("roc_auc_gain", figures.rocAUC)] {
            writer.key(name)
            if let difference {
                writer.object { writer in
                    for (name, value) in [
                        ("value", difference.value), ("lower", difference.lower), ("upper", difference.upper),
                    ] {
                        writer.key(name)
                        writer.number(value)
                    }
                }
            } else {
                writer.null()
            }
        }
    }

    private static func version(_ version: OnlineEvaluation.Version, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("version")
            writer.string(version.version)
            writer.key("serving_model")
            writer.string(version.servingModel.rawValue)
            for (name, byModel) in [("figures", version.figures), ("rescored", version.rescored)] {
                writer.key(name)
                writer.object { writer in
                    for model in ModelName.all {
                        guard let figures = byModel[model] else { continue }
                        writer.key(model.rawValue)
                        writer.object { Self.figures(figures, &$0) }
                    }
                }
            }
            writer.key("calibration")
            writer.array(of: version.calibration) { writer, bin in
                writer.object { writer in
                    writer.key("count")
                    writer.integer(bin.count)
                    writer.key("predicted")
                    writer.number(bin.predicted)
                    writer.key("observed")
                    writer.number(bin.observed)
                }
            }
            writer.key("days")
            writer.array(of: version.days) { writer, day in
                writer.object { writer in
                    writer.key("day")
                    writer.string(day.day)
                    writer.key("is_complete")
                    writer.bool(day.isComplete)
                    figures(day.metrics, &writer)
                }
            }
        }
    }

    /// By the names of `results.json`.
    private static func figures(_ metrics: Metrics, _ writer: inout JSONWriter) {
        let figures = [
            ("roc_auc", metrics.rocAUC), ("pr_auc", metrics.prAUC), ("accuracy", metrics.accuracy),
            ("precision", metrics.precision), ("recall", metrics.recall), ("f1", metrics.f1),
            ("log_loss", metrics.logLoss), ("brier", metrics.brier), ("ece", metrics.ece),
            ("lift_top_decile", metrics.liftTopDecile), ("n", metrics.n), ("positive_rate", metrics.positiveRate),
        ]
        for (name, value) in figures {
            writer.key(name)
            writer.number(value)
        }
    }

    private static func drift(_ drift: DriftReport, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("rows")
            writer.integer(drift.rows)
            writer.key("from")
            writer.instant(drift.rows == 0 ? nil : drift.from)
            writer.key("to")
            writer.instant(drift.rows == 0 ? nil : drift.to)
            writer.key("false_alarms")
            writer.number(DriftReport.falseAlarms)
            writer.key("score")
            if let score = drift.score { entry(score, &writer) } else { writer.null() }
            writer.key("features")
            writer.array(of: drift.features) { entry($1, &$0) }
        }
    }

    private static func entry(_ entry: DriftReport.Entry, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("name")
            writer.string(entry.name)
            writer.key("is_drifting")
            writer.bool(entry.isDrifting)
            for (name, value) in [
                ("psi", entry.psi), ("threshold", entry.threshold), ("missing", entry.missing),
                ("reference_missing", entry.referenceMissing), ("out_of_range", entry.outOfRange),
            ] {
                writer.key(name)
                writer.number(value)
            }
            for (name, values) in [("live", entry.live), ("reference", entry.reference), ("edges", entry.edges)] {
                writer.key(name)
                writer.array(of: values) { $0.number($1) }
            }
        }
    }
}
