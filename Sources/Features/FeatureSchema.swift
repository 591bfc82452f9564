import Customers
import Events

/// The features of models of one horizon in their order, and a fingerprint that changes with their meaning.
///
/// Three features look as far ahead as the prediction does, and have the horizon in their names and definitions.
public struct FeatureSchema: Sendable {
    /// To be increased by hand whenever a feature is computed differently under an unchanged name and definition.
    static let revision = 1

    /// Features in a `FeatureVector`.
    public static let count = Feature.allCases.count

    /// How far ahead predictions look.
    package let horizon: Horizon
    /// The features' names in their order.
    package let names: [String]
    /// 16 hexadecimal digits over names, order, definitions, windows and revision. An artifact of another fingerprint is
    /// refused: its members would read other numbers than they learned from.
    package let fingerprint: String

    /// The schema of models with a horizon.
    package init(_ horizon: Horizon) {
        self.horizon = horizon
        let names = Feature.allCases.map { $0.name(for: horizon) }
        self.names = names
        let lines =
            ["revision \(Self.revision)", "windows \(Windows.days)"]
            + zip(names, Feature.allCases).map { "\($0): \($1.definition(for: horizon))" }
        let digits = String(contentHash(of: lines.joined(separator: "\n")), radix: 16)
        fingerprint = String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The name of a feature.
    package func name(of feature: Feature) -> String { names[feature.rawValue] }

    /// The table of features in Markdown: position, name, definition.
    package func markdown() -> String {
        var lines = ["| # | feature | definition |", "|---|---|---|"]
        for feature in Feature.allCases {
            lines.append(
                "| \(feature.rawValue) | `\(name(of: feature))` | \(feature.definition(for: horizon)) |")
        }
        lines.append("")
        lines.append("Schema fingerprint: `\(fingerprint)`")
        return lines.joined(separator: "\n")
    }
}
