import Customers
import Events

/// The features in their order, and a fingerprint that changes with their meaning.
public enum FeatureSchema {
    /// To be increased by hand whenever a feature is computed differently under an unchanged name and definition.
    static let revision = 1

    /// Features in a `FeatureVector`.
    public static let count = Feature.allCases.count
    /// The features' names in their order.
    package static let names = Feature.allCases.map(\.name)

    /// 16 hexadecimal digits over names, order, definitions, windows and revision. An artifact of another fingerprint is
    /// refused: its members would read other numbers than they learned from.
    package static let fingerprint: String = {
        let lines =
            ["revision \(revision)", "windows \(Windows.days)"]
            + Feature.allCases.map { "\($0.name): \($0.definition)" }
        let digits = String(contentHash(of: lines.joined(separator: "\n")), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }()

    /// The table of features in Markdown: position, name, definition.
    package static func markdown() -> String {
        var lines = ["| # | feature | definition |", "|---|---|---|"]
        for feature in Feature.allCases {
            lines.append("| \(feature.rawValue) | `\(feature.name)` | \(feature.definition) |")
        }
        lines.append("")
        lines.append("Schema fingerprint: `\(fingerprint)`")
        return lines.joined(separator: "\n")
    }
}
