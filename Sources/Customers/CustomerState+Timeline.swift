extension CustomerState {
    /// What happened at one instant.
    public struct Instant: Equatable, Sendable {
        /// Milliseconds since 1970 UTC.
        public let time: Int64
        /// Of the events of that instant. An invoice, a day, a product or a description counts at its latest instant only.
        public let totals: Totals
    }

    /// The instants of the longest window that are remembered, ascending.
    /// - Complexity: O(instants).
    public var timeline: [Instant] {
        moments[expired...].map { Instant(time: $0.time, totals: $0.totals) }
    }
}
