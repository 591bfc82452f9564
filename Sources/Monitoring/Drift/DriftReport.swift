/// How far the distributions of scored rows have moved from those of the training data, over one window of rows. Immutable.
package struct DriftReport: Sendable {
    /// One feature, or the served model's probability.
    package struct Entry: Sendable {
        /// The feature's name in the schema, or `probability`.
        package let name: String
        /// Population stability index of live and reference rows over all bins, the one for missing values included.
        package let psi: Double
        /// The index that an unchanged distribution exceeds with a probability of `DriftReport.falseAlarms` divided by the
        /// number of entries.
        package let threshold: Double
        /// Whether the index exceeds its threshold.
        package var isDrifting: Bool { psi > threshold }
        /// Share of live rows without a value.
        package let missing: Double
        /// Share of reference rows without a value.
        package let referenceMissing: Double
        /// Share of live rows below the least or above the greatest value of the training data.
        package let outOfRange: Double
        /// Share of live rows by bin, ascending by value; the bin for missing values is the last one.
        package let live: [Double]
        /// Share of reference rows by bin.
        package let reference: [Double]
        /// Boundaries between the bins for values: one fewer than these.
        package let edges: [Double]
    }

    /// Rows in the window, a sample of those scored.
    package let rows: Int
    /// Earliest event time of the rows, milliseconds; 0 when there are none.
    package let from: Int64
    /// Latest event time of the rows, milliseconds; 0 when there are none.
    package let to: Int64
    /// In schema order. Empty when the window has too few effective rows, or when the artifact has no reference.
    package let features: [Entry]
    /// The served model's probability; `nil` when `features` is empty.
    package let score: Entry?
    /// Probability that any entry is drifting in a window in which nothing has changed.
    package static let falseAlarms = 0.01
}
