import Events
import Monitoring

/// Writes outcomes as payloads: JSON as in `config/outcome.schema.json`, or Avro.
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

    /// Writes an outcome in Avro, by the schema of this number in a registry.
    static func append(
        _ outcome: LabelJoin.Outcome, of version: LabelJoin.Version, customerID: [UInt8], schema: UInt32,
        to bytes: inout [UInt8]
    ) {
        let prediction = outcome.prediction
        let names = version.models.map { Array($0.rawValue.utf8) }
        let own = Array(version.version.utf8)
        let room = 128 + customerID.count + own.count + names.reduce(0) { $0 + $1.count + 18 }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: room) { memory in
            let start = memory.baseAddress.unsafelyUnwrapped
            var output = AvroOutput(to: start)
            output.frame(schema: schema)
            output.string(customerID)
            output.long(prediction.time)
            output.boolean(outcome.isBought)
            output.long(outcome.boughtAt == nil ? 0 : 1)
            if let time = outcome.boughtAt { output.long(time) }
            output.double(prediction.probabilities[version.models.firstIndex(of: version.servingModel) ?? 0])
            output.long(Int64(names.count))
            for (place, name) in names.enumerated() {
                output.string(name)
                output.double(prediction.probabilities[place])
            }
            output.long(0)
            output.string(own)
            bytes.append(contentsOf: UnsafeBufferPointer(start: start, count: output.at - start))
        }
    }
}
