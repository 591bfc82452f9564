import Events
import Monitoring

/// Writes outcomes as JSON payloads, described by `config/outcome.schema.json`.
enum OutcomeEncoder {
    /// - Parameter customerID: of the prediction's customer.
    static func append(
        _ outcome: LabelJoin.Outcome, of version: LabelJoin.Version, customerID: [UInt8], to bytes: inout [UInt8]
    ) {
        let prediction = outcome.prediction
        bytes += "{\"customer_id\":".utf8
        customerID.withUnsafeBytes { JSONText.appendString($0, to: &bytes) }
        bytes += ",\"event_time\":\"".utf8
        EventTime.appendISO8601(prediction.time, to: &bytes)
        bytes += "\",\"bought\":\(outcome.isBought)".utf8
        if let time = outcome.boughtAt {
            bytes += ",\"bought_at\":\"".utf8
            EventTime.appendISO8601(time, to: &bytes)
            bytes += "\"".utf8
        }
        bytes += ",\"purchase_probability\":".utf8
        append(prediction.probabilities[version.models.firstIndex(of: version.servingModel) ?? 0], to: &bytes)
        for (place, model) in version.models.enumerated() {
            bytes += "\(place == 0 ? ",\"members\":{" : ",")\"\(model.rawValue)\":".utf8
            append(prediction.probabilities[place], to: &bytes)
        }
        bytes += "},\"model_version\":".utf8
        JSONText.appendString(version.version, to: &bytes)
        bytes += "}".utf8
    }

    private static func append(_ probability: Double, to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: ShortestDecimal.longest) { room in
            guard let start = room.baseAddress else { return }
            let end = ShortestDecimal.write(probability, to: start)
            bytes.append(contentsOf: UnsafeBufferPointer(start: start, count: end - start))
        }
    }
}
