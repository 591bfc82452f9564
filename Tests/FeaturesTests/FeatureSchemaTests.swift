import Features
import Testing

@Suite struct FeatureSchemaTests {
    /// Everything that the earlier system had.
    static let inherited = [
        "recency_days", "frequency", "monetary", "total_monetary", "total_transactions", "unique_invoices",
        "unique_products", "unique_descriptions", "avg_basket_size", "avg_basket_value", "spend_30d", "spend_90d",
        "spend_ratio_30d_90d", "spend_ratio_90d_180d", "freq_30d", "freq_90d", "transactions_30d", "transactions_90d",
        "total_returns", "return_rate", "return_amount", "net_amount", "country", "avg_day_of_week", "std_day_of_week",
        "avg_month", "std_month", "weekend_ratio", "customer_lifetime_days",
    ]

    @Test(arguments: inherited) func hasWhatTheEarlierSystemHad(name: String) {
        #expect(FeatureSchema(.standard).names.contains(name))
    }

    @Test func hasDistinctNamesAndDefinitions() {
        #expect(FeatureSchema.count >= 61)
        #expect(Set(FeatureSchema(.standard).names).count == FeatureSchema.count)
        #expect(Set(Feature.allCases.map { $0.definition(for: .standard) }).count == FeatureSchema.count)
        for name in FeatureSchema(.standard).names {
            #expect(name.wholeMatch(of: /[a-z0-9]+(_[a-z0-9]+)*/) != nil, "\(name)")
        }
    }

    @Test func printsEveryFeatureInItsTable() {
        let table = FeatureSchema(.standard).markdown()
        for feature in Feature.allCases {
            #expect(
                table.contains(
                    "| \(feature.rawValue) | `\(feature.name(for: .standard))` | \(feature.definition(for: .standard)) |"
                ))
        }
        #expect(table.contains(FeatureSchema(.standard).fingerprint))
        #expect(FeatureSchema(.standard).fingerprint.wholeMatch(of: /[0-9a-f]{16}/) != nil)
    }
}
