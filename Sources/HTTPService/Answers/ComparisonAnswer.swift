import Events
import Monitoring
import Scoring
import Worker

/// What is said of another model: what it would change, and the versions that there are.
enum ComparisonAnswer {
    static func json(_ comparison: ModelComparison, _ thresholds: PriorityThresholds) -> [UInt8] {
        JSONWriter.text { write(comparison, thresholds, &$0) }
    }

    static func versions(_ versions: [ModelVersion], serving: String, mayPromote: Bool) -> [UInt8] {
        JSONWriter.text { writer in
            writer.object { writer in
                writer.key("serving")
                writer.string(serving)
                writer.key("may_promote")
                writer.bool(mayPromote)
                writer.key("versions")
                writer.array(of: versions) { writer, version in
                    writer.object { writer in
                        writer.key("version")
                        writer.string(version.version)
                        writer.key("serving_model")
                        writer.string(version.servingModel.rawValue)
                        writer.key("trained_until")
                        writer.string(version.trainedUntil)
                        writer.key("training_points")
                        writer.integer(version.trainingExamples)
                        writer.key("is_current")
                        writer.bool(version.isCurrent)
                        writer.key("is_previous")
                        writer.bool(version.isPrevious)
                        writer.key("role")
                        writer.string(version.role?.rawValue)
                        writer.key("promoted")
                        writer.string(version.promotion?.time)
                        writer.key("promoted_because")
                        writer.string(version.promotion?.reason)
                    }
                }
            }
        }
    }

    private static func write(
        _ comparison: ModelComparison, _ thresholds: PriorityThresholds, _ writer: inout JSONWriter
    ) {
        let radius = comparison.radius
        writer.object { writer in
            writer.key("time")
            writer.instant(Int64(comparison.time.timeIntervalSince1970 * 1000))
            for (name, model) in [("before", radius.before), ("after", radius.after)] {
                writer.key(name)
                writer.object { writer in
                    writer.key("version")
                    writer.string(model.version)
                    writer.key("serving_model")
                    writer.string(model.servingModel.rawValue)
                    writer.key("base_log_odds")
                    if let base = model.baseLogOdds { writer.number(base) } else { writer.null() }
                }
            }
            writer.key("is_judged")
            writer.bool(comparison.isJudged)
            writer.key("exceeded")
            writer.array(of: comparison.exceeded) { $0.string($1) }
            writer.key("from")
            writer.instant(radius.from == 0 ? nil : radius.from)
            writer.key("to")
            writer.instant(radius.to == 0 ? nil : radius.to)
            writer.key("predictions_per_day")
            writer.number(radius.predictionsPerDay)
            figures(radius.all, &writer)
            writer.key("histogram_before")
            writer.array(of: radius.histogramBefore) { $0.integer($1) }
            writer.key("histogram_after")
            writer.array(of: radius.histogramAfter) { $0.integer($1) }
            writer.key("slices")
            writer.array(of: radius.slices) { writer, slice in
                writer.object { writer in
                    writer.key("group")
                    writer.string(slice.group)
                    writer.key("name")
                    writer.string(slice.name)
                    figures(slice.figures, &writer)
                }
            }
            writer.key("movers")
            writer.array(of: radius.movers) { mover($1, thresholds, &$0) }
        }
    }

    private static func figures(_ figures: BlastRadius.Figures, _ writer: inout JSONWriter) {
        writer.key("rows")
        writer.integer(figures.rows)
        writer.key("score_shift")
        writer.number(figures.stabilityIndex)
        writer.key("flips")
        writer.number(figures.flippedShare)
        writer.key("mean_before")
        writer.number(figures.meanBefore)
        writer.key("mean_after")
        writer.number(figures.meanAfter)
        writer.key("priorities")
        writer.array(of: Array(Priority.allCases.enumerated())) { writer, priority in
            writer.object { writer in
                writer.key("priority")
                writer.string(priority.element.rawValue)
                writer.key("before")
                writer.integer(figures.before(priority.offset))
                writer.key("after")
                writer.integer(figures.after(priority.offset))
                writer.key("becomes")
                writer.object { writer in
                    for (place, other) in Priority.allCases.enumerated() {
                        writer.key(other.rawValue)
                        writer.integer(figures.priorities[priority.offset][place])
                    }
                }
            }
        }
    }

    private static func mover(
        _ mover: BlastRadius.Mover, _ thresholds: PriorityThresholds, _ writer: inout JSONWriter
    ) {
        writer.object { writer in
            writer.key("customer_id")
            writer.string(mover.customerID)
            writer.key("time")
            writer.instant(mover.time)
            for (name, probability) in [("before", mover.before), ("after", mover.after)] {
                writer.key("probability_\(name)")
                writer.number(probability)
                writer.key("priority_\(name)")
                writer.string(thresholds.priority(of: probability).rawValue)
            }
            writer.key("reasons")
            guard let reasons = mover.reasons else { return writer.null() }
            writer.array(of: reasons) { writer, reason in
                writer.object { writer in
                    writer.key("feature")
                    writer.string(reason.feature)
                    writer.key("value")
                    if reason.value.isNaN { writer.null() } else { writer.number(Double(reason.value)) }
                    writer.key("log_odds_before")
                    writer.number(reason.before)
                    writer.key("log_odds_after")
                    writer.number(reason.after)
                }
            }
        }
    }
}
