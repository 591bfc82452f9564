import Events
import Features

/// The labeled examples as a CSV table, for other tools.
package enum ExampleTable {
    private static let columns = ["split", "kind", "customer_id", "time", "label", "weight"]

    /// Writes one row an example, in the order of the dataset.
    /// - Parameter progress: called with the share of the rows that is written, 0...1.
    /// - Returns: the number of rows.
    /// - Throws: `HistoryError` when the file cannot be written; nothing is left of it then.
    package static func write(
        _ prepared: TrainingRun.Prepared, settings: TrainingSettings, to path: String, progress: (Double) -> Void
    ) throws -> Int {
        let dataset = prepared.dataset
        let set = TrainingSet(dataset, settings.shares, isIncluded: prepared.times.isTraining)
        var weights = [Float](repeating: 0, count: dataset.count)
        for (place, index) in set.indices.enumerated() { weights[index] = set.weights[place] }
        let file = try OutputFile(path: path)
        try file.write(Array(((columns + settings.schema.names).joined(separator: ",") + "\n").utf8))
        var line: [UInt8] = []
        for (index, example) in dataset.enumerated() {
            if index % 4096 == 0 { progress(Double(index) / Double(dataset.count)) }
            line.removeAll(keepingCapacity: true)
            line.append(contentsOf: split(example, prepared.times).utf8)
            line.append(UInt8(ascii: ","))
            line.append(contentsOf: name(of: example.kind).utf8)
            line.append(UInt8(ascii: ","))
            CSVText.append(cell: prepared.survey.customerIDs[Int(example.customer)], to: &line)
            line.append(UInt8(ascii: ","))
            line.append(contentsOf: EventTime.text(example.time).utf8)
            line.append(contentsOf: (example.label ? ",1," : ",0,").utf8)
            append(weights[index], to: &line)
            for value in dataset.features(index) {
                line.append(UInt8(ascii: ","))
                if !value.isNaN { append(value, to: &line) }
            }
            line.append(0x0A)
            try file.write(line)
        }
        try file.close()
        return dataset.count
    }

    /// The period of an example. Those between TRAIN and TEST are in neither: their labels are not known when TRAIN ends.
    private static func split(_ example: Example, _ times: EvaluationProtocol) -> String {
        times.isTraining(example) ? "train" : times.isTest(example) ? "test" : "neither"
    }

    private static func name(of kind: Example.Kind) -> String {
        switch kind {
        case .event(isLastOfInvoice: false): "event"
        case .event(isLastOfInvoice: true): "invoice"
        case .observation: "snapshot"
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
