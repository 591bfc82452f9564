import Features

/// A part of all rows that models are judged by separately, such as those of new customers.
package struct RowSlice: Sendable {
    /// What rows are divided by.
    package let group: String
    /// The part's name within its group.
    package let name: String
    private let contains: @Sendable (UnsafeBufferPointer<Float>) -> Bool

    /// Whether it has a row: `FeatureSchema.count` floats in schema order, of which `country` is by the table of the model that the
    /// rows are divided for.
    package func contains(_ row: ArraySlice<Float>) -> Bool { row.withUnsafeBufferPointer { contains($0) } }

    /// All of them, in a fixed order.
    package static let all: [RowSlice] =
        [
            slice("country", "the most frequent", .country) { $0 == 0 },
            slice("country", "others", .country) { $0 != 0 },
            slice("customer", "new (first invoice)", .frequency) { $0 <= 1 },
            slice("customer", "returning", .frequency) { $0 > 1 },
            slice("basket", "1 to 5 lines", .basketLines) { $0 < 6 },
            slice("basket", "6 to 20 lines", .basketLines) { $0 >= 6 && $0 < 21 },
            slice("basket", "21 lines and more", .basketLines) { $0 >= 21 },
        ]

    /// The slices that a row is in: a bit of each, by its place in `all`. It stands in checkpoints: new slices come last.
    package static func mask(_ row: UnsafeRawBufferPointer) -> UInt16 {
        let values = row.assumingMemoryBound(to: Float.self)
        var mask: UInt16 = 0
        for (place, slice) in all.enumerated() where slice.contains(values) { mask |= 1 << UInt16(place) }
        return mask
    }

    private static func slice(
        _ group: String, _ name: String, _ feature: Feature, _ condition: @escaping @Sendable (Float) -> Bool
    ) -> RowSlice {
        RowSlice(group: group, name: name) { row in condition(row[feature.rawValue]) }
    }
}
