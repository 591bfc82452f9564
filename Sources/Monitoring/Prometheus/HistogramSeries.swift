import CoreMetrics

/// A Prometheus histogram; of a timer in seconds. Records into the buckets of `Histogram`, which are finer than those that it
/// writes.
package final class HistogramSeries: RecorderHandler, TimerHandler, PrometheusSeries {
    /// Upper bounds of durations, seconds: from 61 µs to 17 minutes, each twice the one before.
    package static let seconds = (-14...10).map { Double(sign: .plus, exponent: $0, significand: 1) }

    private let bounds: [Double]
    private let boundLabels: [String]
    private let counts = AtomicCounts(count: Histogram.bucketCount)
    private let sum = GaugeSeries()

    /// - Parameter bounds: upper bounds of the buckets, ascending; each 2ⁿ or 1.5 · 2ⁿ.
    init(bounds: [Double]) {
        self.bounds = bounds
        boundLabels = bounds.map { "le=\"\(PrometheusRegistry.number($0))\"" }
    }

    /// Counts one value.
    package func record(_ value: Int64) { record(Double(value)) }
    /// Counts a duration.
    package func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    /// Counts one value.
    package func record(_ value: Double) {
        counts.add(1, at: Histogram.bucket(value))
        sum.increment(by: value)
    }

    func write(_ name: String, _ labels: String, to text: inout String) {
        let histogram = Histogram(counts: counts.all)
        for (label, seen) in zip(boundLabels, histogram.cumulative(upTo: bounds)) {
            PrometheusRegistry.appendLine(name, ending: "_bucket", labels, and: label, Double(seen), to: &text)
        }
        let count = Double(histogram.count)
        PrometheusRegistry.appendLine(name, ending: "_bucket", labels, and: "le=\"+Inf\"", count, to: &text)
        PrometheusRegistry.appendLine(name, ending: "_sum", labels, sum.current, to: &text)
        PrometheusRegistry.appendLine(name, ending: "_count", labels, count, to: &text)
    }
}
