import CoreMetrics
import Foundation
import Synchronization

/// Metrics recorded through swift-metrics, as text for Prometheus to scrape (exposition format 0.0.4).
///
/// A swift-metrics label becomes the metric's name, and dimensions become Prometheus labels. Counters end in `_total`. Timers
/// become histograms of seconds that end in `_seconds`, and aggregating recorders become histograms. Meters and other
/// recorders become gauges. Recording takes a few atomic additions; creating, destroying and writing metrics take a lock.
package final class PrometheusRegistry: MetricsFactory {
    /// What a metric's values are.
    package enum Kind: String, Sendable {
        /// Counts up.
        case counter
        /// Goes up and down.
        case gauge
        /// Counts by size.
        case histogram
    }

    /// What is said of a metric, also before it has values: whoever scrapes finds it from the start.
    package struct Description: Sendable {
        let kind: Kind
        let help: String
        let bounds: [Double]

        /// - Parameters:
        ///   - help: one line for a person.
        ///   - bounds: of a histogram's buckets, ascending; each 2ⁿ or 1.5 · 2ⁿ, without the infinite one.
        package init(_ kind: Kind, _ help: String, bounds: [Double] = HistogramSeries.seconds) {
            self.kind = kind
            self.help = help
            self.bounds = bounds
        }
    }

    private struct Family {
        let kind: Kind
        /// By labels in Prometheus's notation, sorted by name: `model="xgboost",model_version="3"`.
        var series: [String: any PrometheusSeries] = [:]
    }

    private let families = Mutex<[String: Family]>([:])
    private let descriptions: [String: Description]
    private let namespace: String

    /// - Parameters:
    ///   - namespace: prefix of every name.
    ///   - descriptions: of its metrics, by name without the prefix and with the ending.
    package init(namespace: String, descriptions: [String: Description] = [:]) {
        self.namespace = namespace
        self.descriptions = Dictionary(
            uniqueKeysWithValues: descriptions.map { (Self.fullName($0.key, namespace), $0.value) })
        families.withLock { families in
            for (name, description) in self.descriptions { families[name] = Family(kind: description.kind) }
        }
    }

    /// Prometheus prescribes the names of process metrics.
    private static func fullName(_ label: String, _ namespace: String) -> String {
        name(label.hasPrefix("process_") ? label : "\(namespace)_\(label)")
    }

    // MARK: swift-metrics

    /// A counter; the same one for the same label and dimensions.
    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(label, dimensions, .counter, ending: "_total") { CounterSeries() }
    }

    /// A counter of fractions.
    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        series(label, dimensions, .counter, ending: "_total") { GaugeSeries() }
    }

    /// A histogram if it aggregates, else a gauge.
    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if aggregate { return histogram(label, dimensions) }
        return series(label, dimensions, .gauge) { GaugeSeries() }
    }

    /// A gauge.
    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(label, dimensions, .gauge) { GaugeSeries() }
    }

    /// A histogram of seconds.
    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions, ending: "_seconds")
    }

    private func histogram(_ label: String, _ dimensions: [(String, String)], ending: String = "") -> HistogramSeries {
        var name = Self.fullName(label, namespace)
        if !name.hasSuffix(ending) { name += ending }
        let bounds = descriptions[name]?.bounds ?? HistogramSeries.seconds
        return series(label, dimensions, .histogram, ending: ending) { HistogramSeries(bounds: bounds) }
    }

    /// Removes the metric from the text.
    package func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    /// Removes the metric from the text.
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    /// Removes the metric from the text.
    package func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    /// Removes the metric from the text.
    package func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    /// Removes the metric from the text.
    package func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    private func series<Series: PrometheusSeries>(
        _ label: String, _ dimensions: [(String, String)], _ kind: Kind, ending: String = "", _ make: () -> Series
    ) -> Series {
        var name = Self.fullName(label, namespace)
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
                    if families[name]?.series.isEmpty == true, descriptions[name] == nil { families[name] = nil }
                    return
                }
            }
        }
    }

    // MARK: Text

    /// Everything recorded so far, sorted by name and labels.
    /// - Complexity: O(series log series).
    package func text() -> String {
        let families = families.withLock { $0 }
        var text = ""
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            if let description = descriptions[name] {
                text += "# HELP \(name) \(Self.escaped(description.help, quotes: false))\n"
            }
            text += "# TYPE \(name) \(family.kind.rawValue)\n"
            for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) {
                series.write(name, labels, to: &text)
            }
        }
        return text
    }

    /// The label with an underscore for each character that Prometheus does not allow.
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

    /// - Parameters:
    ///   - labels: of the series, in Prometheus's notation.
    ///   - more: a label of this line alone.
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
