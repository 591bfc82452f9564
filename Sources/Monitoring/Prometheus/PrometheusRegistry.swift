import CoreMetrics
import Foundation
import Synchronization

/// Metrics recorded through swift-metrics, as text for Prometheus to scrape (exposition format 0.0.4).
///
/// A metric is a label of swift-metrics with the base unit in its name; dimensions are Prometheus's labels. Counters get the
/// ending `_total`, timers record seconds and end in `_seconds`, recorders that aggregate become histograms with two
/// buckets an octave, meters and the other recorders gauges. Recording is a few atomic additions; making, releasing and
/// writing take a lock.
package final class PrometheusRegistry: MetricsFactory {
    enum Kind: String {
        case counter, gauge, histogram
    }

    private struct Family {
        let kind: Kind
        /// By labels, as they stand in the text: `model="xgboost",model_version="3"`, sorted by name.
        var series: [String: any PrometheusSeries] = [:]
    }

    private let families = Mutex<[String: Family]>([:])
    private let help: [String: String]
    private let namespace: String

    /// - Parameters:
    ///   - namespace: stands before every name.
    ///   - help: by name without that, one line each.
    package init(namespace: String, help: [String: String] = [:]) {
        self.namespace = namespace
        self.help = help
    }

    // MARK: swift-metrics

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions, .counter, ending: "_total") { CounterSeries() }
    }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        series(label, dimensions, .counter, ending: "_total") { GaugeSeries() }
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if aggregate { return series(label, dimensions, .histogram) { HistogramSeries() } }
        return series(label, dimensions, .gauge) { GaugeSeries() }
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, dimensions, .gauge) { GaugeSeries() }
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(label, dimensions, .histogram, ending: "_seconds") { HistogramSeries() }
    }

    package func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    package func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    private func series<Series: PrometheusSeries>(
        _ label: String, _ dimensions: [(String, String)], _ kind: Kind, ending: String = "", _ make: () -> Series
    ) -> Series {
        // Prometheus has names of its own for what every process has.
        var name = Self.name(label.hasPrefix("process_") ? label : "\(namespace)_\(label)")
        if !name.hasSuffix(ending) { name += ending }
        let labels = dimensions.map { (name: Self.name($0.0), value: $0.1) }.sorted { $0.name < $1.name }
            .map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }.joined(separator: ",")
        return families.withLock { families in
            var family = families[name] ?? Family(kind: kind)
            precondition(family.kind == kind, "\(name) is a \(family.kind.rawValue) already")
            if let known = family.series[labels] as? Series { return known }
            let made = make()
            family.series[labels] = made
            families[name] = family
            return made
        }
    }

    private func remove(_ handler: AnyObject) {
        families.withLock { families in
            for (name, family) in families {
                for (labels, series) in family.series where series === handler {
                    families[name]?.series[labels] = nil
                    if families[name]?.series.isEmpty == true { families[name] = nil }
                    return
                }
            }
        }
    }

    // MARK: Text

    /// All that has been recorded, families in the order of their names, series in that of their labels.
    package func text() -> String {
        let families = families.withLock { $0 }
        var text = ""
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            if let help = help[String(name.dropFirst(namespace.count + 1))] {
                text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n"
            }
            text += "# TYPE \(name) \(family.kind.rawValue)\n"
            for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) {
                series.write(name, labels, to: &text)
            }
        }
        return text
    }

    /// A name that Prometheus allows.
    static func name(_ label: String) -> String {
        let name = String(
            label.unicodeScalars.map { scalar in
                let isAllowed = scalar.isASCII && scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
                return isAllowed || scalar == "_" || scalar == ":" ? Character(scalar) : "_"
            })
        return name.first.map { $0.isNumber } ?? true ? "_\(name)" : name
    }

    static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.append(character)
            }
        }
        return escaped
    }

    /// - Parameter labels: of the series, as they stand in the text, and others behind them.
    static func appendLine(
        _ name: String, ending: String = "", _ labels: String, and more: String = "", _ value: Double,
        to text: inout String
    ) {
        text += name
        text += ending
        if !labels.isEmpty || !more.isEmpty {
            text += "{"
            text += labels
            if !labels.isEmpty, !more.isEmpty { text += "," }
            text += more
            text += "}"
        }
        text += " "
        text += number(value)
        text += "\n"
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }
}
