/// How far what is scored now has moved from what the model learned from: an immutable picture of one window of rows.
public struct DriftReport: Sendable {
    /// One feature, or the served model's probability.
    public struct Entry: Sendable {
        public let name: String
        /// Population stability index, Σ (live − reference) · ln(live / reference) over the bins, the missing ones' included.
        public let psi: Double
        /// The index that chance alone exceeds in one window of `rows` with the probability `DriftReport.falseAlarms`,
        /// divided by the number of entries.
        public let threshold: Double
        public var isDrifting: Bool { psi > threshold }
        /// Shares of rows without a value.
        public let missing: Double
        public let referenceMissing: Double
        /// Share of rows beyond the least and greatest value that the model learned from.
        public let outOfRange: Double
        /// Shares by bin, ascending by value, the one of missing values last.
        public let live: [Double]
        public let reference: [Double]
        /// Between the bins of values: one fewer than those.
        public let edges: [Double]
    }

    /// Rows that the window holds; a sample of those scored.
    public let rows: Int
    /// Event times of the window's rows, milliseconds.
    public let from: Int64
    public let to: Int64
    /// By feature in schema order; empty where the window is too small to say anything or the artifact has no reference.
    public let features: [Entry]
    /// The served model's probability.
    public let score: Entry?
    /// Probability that anything at all is called drifting in a window in which nothing has changed.
    public static let falseAlarms = 0.01
}
