import Events
import Features

/// Scoring points as a table for other tools.
package enum PointTable {
    static let header =
        (["split", "kind", "customer_id", "time", "label", "weight"] + FeatureSchema.names).joined(separator: ",")
        + "\n"

    /// Writes one CSV row a point, in the order of the points.
    /// - Parameter progress: told what share is written.
    /// - Returns: rows written.
    /// - Throws: `HistoryError` when the file cannot be written; nothing is left of it then.
    package static func write(
        _ prepared: TrainingRun.Prepared, settings: TrainingSettings, to path: String, progress: (Double) -> Void
    ) throws -> Int {
        let points = prepared.points
        let set = TrainingSet(points, settings.shares, isIn: prepared.times.isTraining)
        var weights = [Float](repeating: 0, count: points.points.count)
        for (place, index) in set.indices.enumerated() { weights[index] = set.weights[place] }
        let file = try OutputFile(path: path)
        try file.write(Array(header.utf8))
        var line: [UInt8] = []
        for (index, point) in points.points.enumerated() {
            if index % 4096 == 0 { progress(Double(index) / Double(points.points.count)) }
            line.removeAll(keepingCapacity: true)
            line.append(contentsOf: split(point, prepared.times).utf8)
            line.append(UInt8(ascii: ","))
            line.append(contentsOf: name(of: point.kind).utf8)
            line.append(UInt8(ascii: ","))
            CSVText.append(cell: prepared.survey.customerIDs[Int(point.customer)], to: &line)
            line.append(UInt8(ascii: ","))
            line.append(contentsOf: EventTime.text(point.time).utf8)
            line.append(contentsOf: (point.label ? ",1," : ",0,").utf8)
            append(weights[index], to: &line)
            for value in points.features(index) {
                line.append(UInt8(ascii: ","))
                if !value.isNaN { append(value, to: &line) }
            }
            line.append(0x0A)
            try file.write(line)
        }
        try file.close()
        return points.points.count
    }

    /// Where a point belongs; between the periods, labels are not known when TRAIN ends.
    private static func split(_ point: ScoringPoints.Point, _ times: EvaluationProtocol) -> String {
        times.isTraining(point) ? "train" : times.isTest(point) ? "test" : "neither"
    }

    private static func name(of kind: ScoringPoints.Point.Kind) -> String {
        switch kind {
        case .event(isLastOfInvoice: false): "event"
        case .event(isLastOfInvoice: true): "invoice"
        case .snapshot: "snapshot"
        }
    }

    /// The shortest decimal that reads back as the same 32-bit value.
    private static func append(_ value: Float, to line: inout [UInt8]) {
        if let whole = Int32(exactly: value), whole != 0 || value.sign == .plus {
            line.append(contentsOf: "\(whole)".utf8)
        } else {
            line.append(contentsOf: value.description.utf8)
        }
    }
}
