import Events
import Monitoring

/// Writes outcomes as JSON payloads, described by `config/outcome.schema.json`.
enum OutcomeEncoder {
    /// - Parameter customerID: of the prediction's customer.
    static func append(
        _ outcome: LabelJoin.Outcome, of version: LabelJoin.Version, customerID: [UInt8], to bytes: inout [UInt8]
    ) {
        let prediction = outcome.prediction
        JSONWriter.append(to: &bytes) { writer in
            writer.object { writer in
                writer.key("customer_id")
                customerID.withUnsafeBytes { writer.string($0) }
                writer.key("event_time")
                writer.instant(prediction.time)
                writer.key("bought")
                writer.bool(outcome.isBought)
                if let time = outcome.boughtAt {
                    writer.key("bought_at")
                    writer.instant(time)
                }
                writer.key("purchase_probability")
                writer.number(prediction.probabilities[version.models.firstIndex(of: version.servingModel) ?? 0])
                writer.key("members")
                writer.object { writer in
                    for (place, model) in version.models.enumerated() {
                        writer.key(model.rawValue)
                        writer.number(prediction.probabilities[place])
                    }
                }
                writer.key("model_version")
                writer.string(version.version)
            }
        }
    }
}
