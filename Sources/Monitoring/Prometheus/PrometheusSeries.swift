import CoreMetrics
import Synchronization

/// One line, or one histogram, of the text.
protocol PrometheusSeries: AnyObject, Sendable {
    /// - Parameter labels: as they stand in the text.
    func write(_ name: String, _ labels: String, to text: inout String)
}

final class CounterSeries: CounterHandler, PrometheusSeries {
    private let value = Atomic<Int64>(0)

    func increment(by amount: Int64) { value.add(amount, ordering: .relaxed) }
    func reset() { value.store(0, ordering: .relaxed) }

    func write(_ name: String, _ labels: String, to text: inout String) {
        PrometheusRegistry.appendLine(name, labels, Double(value.load(ordering: .relaxed)), to: &text)
    }
}

/// The latest value.
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

/// Counts by size, two buckets an octave; of a timer in seconds.
final class HistogramSeries: RecorderHandler, TimerHandler, PrometheusSeries {
    /// Upper bounds: …, 1, 1.5, 2, 3, 4, …; from about 2 µs where the unit is a second.
    private static let firstExponent = -19
    private static let octaves = 34
    static let bounds = (0..<(2 * octaves)).map { step in
        Double(sign: .plus, exponent: step / 2 + firstExponent, significand: step % 2 == 0 ? 1 : 1.5)
    }

    private static let boundLabels =
        bounds.map { "le=\"\(PrometheusRegistry.number($0))\"" } + ["le=\"+Inf\""]

    /// By bound, and one for what is beyond.
    private let counts = AtomicCounts(count: 2 * octaves + 1)
    private let sum = GaugeSeries()

    func record(_ value: Int64) { record(Double(value)) }
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    func record(_ value: Double) {
        counts.add(1, at: Self.bucket(value))
        sum.increment(by: value)
    }

    /// The first bucket whose bound is no less than the value.
    static func bucket(_ value: Double) -> Int {
        guard value > bounds[0] else { return 0 }
        guard value <= bounds[bounds.count - 1] else { return bounds.count }
        // At or below twice the power of two that it reaches: one of three bounds.
        var step = 2 * (Int(value.exponent) - firstExponent)
        while bounds[step] < value { step += 1 }
        return step
    }

    func write(_ name: String, _ labels: String, to text: inout String) {
        var seen = 0
        for (place, bound) in Self.boundLabels.enumerated() {
            seen += counts[place]
            PrometheusRegistry.appendLine(name, ending: "_bucket", labels, and: bound, Double(seen), to: &text)
        }
        PrometheusRegistry.appendLine(name, ending: "_sum", labels, sum.current, to: &text)
        PrometheusRegistry.appendLine(name, ending: "_count", labels, Double(seen), to: &text)
    }
}

/// Counters side by side.
///
/// Unchecked: the memory is touched by atomic operations alone.
final class AtomicCounts: @unchecked Sendable {
    private let counts: UnsafeMutablePointer<Atomic<Int>>
    let count: Int

    init(count: Int) {
        self.count = count
        counts = .allocate(capacity: count)
        for place in 0..<count { (counts + place).initialize(to: Atomic(0)) }
    }

    deinit {
        counts.deinitialize(count: count)
        counts.deallocate()
    }

    func add(_ amount: Int, at place: Int) { counts[place].add(amount, ordering: .relaxed) }
    subscript(place: Int) -> Int { counts[place].load(ordering: .relaxed) }
}
