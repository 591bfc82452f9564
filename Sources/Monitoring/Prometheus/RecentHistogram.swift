/// What a growing histogram has counted in the last few minutes: the difference to what it was then.
///
/// Memory: ten histograms of 6 KiB.
package struct RecentHistogram: Sendable {
    /// The longest time that it covers, seconds.
    package static let windowSeconds = 300.0
    private static let step = Duration.seconds(30)

    /// Earlier states, oldest first, and when they were observed.
    private var earlier: [(histogram: Histogram, time: ContinuousClock.Instant)] = []

    /// Nothing observed yet.
    package init() {}

    /// Notes how the histogram stands. Call it once a second or so.
    /// - Complexity: O(1); each half minute it copies the histogram.
    package mutating func observe(_ histogram: Histogram, at now: ContinuousClock.Instant) {
        if let last = earlier.last, now - last.time < Self.step { return }
        earlier.append((histogram, now))
        // The oldest one that is still within the window's reach is what the window begins at.
        while earlier.count > 1, now - earlier[1].time >= .seconds(Self.windowSeconds) { earlier.removeFirst() }
    }

    /// What came to the histogram within the window.
    /// - Returns: the values, and for how many seconds back; up to half a minute more than the window.
    /// - Complexity: O(buckets).
    package func recent(
        of histogram: Histogram, at now: ContinuousClock.Instant
    ) -> (histogram: Histogram, seconds: Double) {
        guard let first = earlier.first else { return (histogram, 0) }
        return (histogram.subtracting(first.histogram), (now - first.time) / .seconds(1))
    }
}
