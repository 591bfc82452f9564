/// How far what is scored now has moved from what the model learned from: an immutable picture of one window of rows.
package struct DriftReport: Sendable {
    /// One feature, or the served model's probability.
    package struct Entry: Sendable {
        package let name: String
        /// Population stability index, Σ (live − reference) · ln(live / reference) over the bins, the missing ones' included.
        package let psi: Double
        /// The index that chance alone exceeds in one window of `rows` with the probability `DriftReport.falseAlarms`,
        /// divided by the number of entries.
        package let threshold: Double
        package var isDrifting: Bool { psi > threshold }
        /// Shares of rows without a value.
        package let missing: Double
        package let referenceMissing: Double
        /// Share of rows beyond the least and greatest value that the model learned from.
        package let outOfRange: Double
        /// Shares by bin, ascending by value, the one of missing values last.
        package let live: [Double]
        package let reference: [Double]
        /// Between the bins of values: one fewer than those.
        package let edges: [Double]
    }

    /// Rows that the window holds; a sample of those scored.
    package let rows: Int
    /// Event times of the window's rows, milliseconds.
    package let from: Int64
    package let to: Int64
    /// By feature in schema order; empty where the window is too small to say anything or the artifact has no reference.
    package let features: [Entry]
    /// The served model's probability.
    package let score: Entry?
    /// Probability that anything at all is called drifting in a window in which nothing has changed.
    package static let falseAlarms = 0.01
}
