import CoreMetrics
import Synchronization

/// One metric with one set of labels: what swift-metrics records into, and what the text is written from.
protocol PrometheusSeries: AnyObject, Sendable {
    /// Appends the series' lines.
    /// - Parameter labels: in Prometheus's notation, without braces.
    func write(_ name: String, _ labels: String, to text: inout String)
}

/// A counter of whole numbers.
final class CounterSeries: CounterHandler, PrometheusSeries {
    private let value = Atomic<Int64>(0)

    func increment(by amount: Int64) { value.add(amount, ordering: .relaxed) }
    func reset() { value.store(0, ordering: .relaxed) }

    func write(_ name: String, _ labels: String, to text: inout String) {
        PrometheusRegistry.appendLine(name, labels, Double(value.load(ordering: .relaxed)), to: &text)
    }
}

/// The latest value of a gauge, or the sum of a floating-point counter.
final class GaugeSeries: RecorderHandler, MeterHandler, FloatingPointCounterHandler, PrometheusSeries {
    private let bits = Atomic<UInt64>(0)

    var current: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func record(_ value: Int64) { record(Double(value)) }
    func record(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    func set(_ value: Int64) { record(Double(value)) }
    func set(_ value: Double) { record(value) }
    func increment(by amount: Double) { add(amount) }
    func decrement(by amount: Double) { add(-amount) }
    func reset() { record(0.0) }

    private func add(_ amount: Double) {
        var known = bits.load(ordering: .relaxed)
        while true {
            let (exchanged, original) = bits.compareExchange(
                expected: known, desired: (Double(bitPattern: known) + amount).bitPattern, ordering: .relaxed)
            if exchanged { return }
            known = original
        }
    }

    func write(_ name: String, _ labels: String, to text: inout String) {
        PrometheusRegistry.appendLine(name, labels, current, to: &text)
    }
}
