import CoreMetrics

/// A Prometheus histogram; of a timer in seconds. Records into the buckets of `Histogram`, which are finer than those that it
/// writes.
final class HistogramSeries: RecorderHandler, TimerHandler, PrometheusSeries {
    /// Upper bounds, two an octave: …, 1, 1.5, 2, 3, 4, … from about 2 µs where the unit is a second.
    static let bounds = (0..<68).map { step in
        Double(sign: .plus, exponent: step / 2 - 19, significand: step % 2 == 0 ? 1 : 1.5)
    }

    private static let boundLabels = bounds.map { "le=\"\(PrometheusRegistry.number($0))\"" }

    private let counts = AtomicCounts(count: Histogram.bucketCount)
    private let sum = GaugeSeries()

    func record(_ value: Int64) { record(Double(value)) }
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    func record(_ value: Double) {
        counts.add(1, at: Histogram.bucket(value))
        sum.increment(by: value)
    }

    func write(_ name: String, _ labels: String, to text: inout String) {
        let histogram = Histogram(counts: counts.all)
        for (label, seen) in zip(Self.boundLabels, histogram.cumulative(upTo: Self.bounds)) {
            PrometheusRegistry.appendLine(name, ending: "_bucket", labels, and: label, Double(seen), to: &text)
        }
        let count = Double(histogram.count)
        PrometheusRegistry.appendLine(name, ending: "_bucket", labels, and: "le=\"+Inf\"", count, to: &text)
        PrometheusRegistry.appendLine(name, ending: "_sum", labels, sum.current, to: &text)
        PrometheusRegistry.appendLine(name, ending: "_count", labels, count, to: &text)
    }
}
