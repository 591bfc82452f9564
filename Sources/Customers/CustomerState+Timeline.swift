extension CustomerState {
    /// The sums over the events of one instant.
    package struct Instant: Equatable, Sendable {
        /// Milliseconds since 1970 UTC.
        package let time: Int64
        /// Of the events of that instant. An invoice, a day, a product or a description counts at its latest instant only.
        package let totals: Totals
    }

    /// The time buckets of the longest window, ascending in time.
    /// - Complexity: O(buckets).
    package var timeline: [Instant] {
        buckets[expired...].map { Instant(time: $0.time, totals: $0.totals) }
    }
}
