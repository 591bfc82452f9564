import Console
import Foundation

/// One measured quantity: the median of its repetitions, with the smallest and the largest.
struct Figure: Encodable {
    let name: String
    let unit: String
    let median: Double
    let minimum: Double
    let maximum: Double
    /// The median divided by that of another figure, with the name of that figure.
    var ratio: Double?
    var ratioTo: String?

    init(_ name: String, unit: String, _ values: [Double]) {
        precondition(!values.isEmpty)
        self.name = name
        self.unit = unit
        let sorted = values.sorted()
        median =
            sorted.count % 2 == 1
            ? sorted[sorted.count / 2] : (sorted[sorted.count / 2 - 1] + sorted[sorted.count / 2]) / 2
        minimum = sorted[0]
        maximum = sorted[sorted.count - 1]
    }

    func relative(to other: Figure) -> Figure {
        var figure = self
        figure.ratio = median / other.median
        figure.ratioTo = other.name
        return figure
    }
}

extension [Figure] {
    /// Prints the figures as a table or as JSON.
    func write(asJSON: Bool) throws {
        guard !asJSON else {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            return try output(String(decoding: try encoder.encode(self), as: UTF8.self) + "\n")
        }
        var lines = ["| figure | median | smallest | largest | unit | ratio |", "|---|---:|---:|---:|---|---|"]
        for figure in self {
            let ratio = figure.ratio.map { "\(Self.text($0)) × \(figure.ratioTo ?? "")" } ?? ""
            lines.append(
                "| \(figure.name) | \(Self.text(figure.median)) | \(Self.text(figure.minimum)) | \(Self.text(figure.maximum)) | "
                    + "\(figure.unit) | \(ratio) |")
        }
        try output(lines.joined(separator: "\n") + "\n")
    }

    private static func text(_ value: Double) -> String {
        value >= 1000 ? "\(Int(value.rounded()))" : String(format: value >= 100 ? "%.0f" : "%.3g", value)
    }
}

/// Measures how many seconds work takes.
func seconds(_ work: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try work()
    return (ContinuousClock.now - start) / .seconds(1)
}
