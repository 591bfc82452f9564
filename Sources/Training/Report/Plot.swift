import Foundation

/// A chart as inline SVG. Its colours are variables of the page's style, so that it follows light and dark.
struct Plot {
    /// A line through points, by the number of a series colour.
    struct Line {
        let name: String
        let points: [(x: Double, y: Double)]
        var series = 1
        var isDashed = false
        var hasDots = false
    }

    struct Bar {
        /// From and to, on the x axis.
        let x: (Double, Double)
        let height: Double
        let title: String
        var series = 1
    }

    let title: String
    let xLabel: String
    let yLabel: String
    let x: ClosedRange<Double>
    let y: ClosedRange<Double>
    var xTicks: [(Double, String)] = []
    var yTicks: [(Double, String)] = []
    var lines: [Line] = []
    var bars: [Bar] = []

    private static let (width, height) = (420.0, 300.0)
    private static let (left, right, top, bottom) = (52.0, 26.0, 12.0, 44.0)

    private func px(_ value: Double) -> String {
        let share = (value - x.lowerBound) / max(x.upperBound - x.lowerBound, 1e-12)
        return fixed(Self.left + share * (Self.width - Self.left - Self.right), 1)
    }

    private func py(_ value: Double) -> String {
        let share = (value - y.lowerBound) / max(y.upperBound - y.lowerBound, 1e-12)
        return fixed(Self.height - Self.bottom - min(max(share, 0), 1) * (Self.height - Self.top - Self.bottom), 1)
    }

    /// Ticks at round numbers.
    static func ticks(_ range: ClosedRange<Double>, about count: Int = 5) -> [(Double, String)] {
        let span = range.upperBound - range.lowerBound
        guard span > 0 else { return [(range.lowerBound, fixed(range.lowerBound, 2))] }
        let raw = span / Double(count)
        let magnitude = pow(10, floor(log10(raw)))
        let step = [1, 2, 2.5, 5, 10].map { $0 * magnitude }.first { $0 >= raw } ?? raw
        let digits = max(0, Int(-floor(log10(step) - 1e-9)) + (step / magnitude == 2.5 ? 1 : 0))
        var ticks: [(Double, String)] = []
        var tick = ceil(range.lowerBound / step - 1e-9) * step
        while tick <= range.upperBound + step * 1e-6 {
            ticks.append((tick, fixed(abs(tick) < step * 1e-6 ? 0 : tick, digits)))
            tick += step
        }
        return ticks
    }

    /// The chart with title and legend as a `<figure>`.
    func svg() -> String {
        let figure =
            [
                "<figure><figcaption>\(HTML.escaped(title))</figcaption>",
                "<svg viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" role=\"img\" aria-label=\"\(HTML.escaped(title))\">",
            ] + tickElements + bars.map(element) + lines.filter { !$0.points.isEmpty }.flatMap(elements) + axisLabels
            + ["</svg>"] + legend + ["</figure>"]
        return figure.joined(separator: "\n")
    }

    private var tickElements: [String] {
        (yTicks.isEmpty ? Self.ticks(y) : yTicks).flatMap { value, text in
            [
                "<line class=\"grid\" x1=\"\(Int(Self.left))\" x2=\"\(fixed(Self.width - Self.right, 0))\" y1=\"\(py(value))\" y2=\"\(py(value))\"/>",
                "<text class=\"tick\" text-anchor=\"end\" x=\"\(Int(Self.left) - 6)\" y=\"\(py(value))\" dy=\"0.35em\">\(HTML.escaped(text))</text>",
            ]
        }
            + (xTicks.isEmpty ? Self.ticks(x) : xTicks).map { value, text in
                "<text class=\"tick\" text-anchor=\"middle\" x=\"\(px(value))\" y=\"\(fixed(Self.height - Self.bottom + 16, 0))\">\(HTML.escaped(text))</text>"
            }
    }

    private func element(_ bar: Bar) -> String {
        let (from, to) = (Double(px(bar.x.0))!, Double(px(bar.x.1))!)
        let (base, tip) = (Double(py(max(y.lowerBound, 0)))!, Double(py(bar.height))!)
        return
            "<rect class=\"s\(bar.series)\" x=\"\(fixed(from, 1))\" width=\"\(fixed(max(to - from - 0.6, 0.4), 1))\" y=\"\(fixed(min(tip, base), 1))\" height=\"\(fixed(abs(base - tip), 1))\"><title>\(HTML.escaped(bar.title))</title></rect>"
    }

    private func elements(_ line: Line) -> [String] {
        let points = line.points.map { "\(px($0.x)),\(py($0.y))" }.joined(separator: " ")
        let dots = line.hasDots ? line.points : []
        return [
            "<polyline class=\"l\(line.series)\(line.isDashed ? " dashed" : "")\" points=\"\(points)\"><title>\(HTML.escaped(line.name))</title></polyline>"
        ]
            + dots.map { point in
                "<circle class=\"s\(line.series)\" r=\"3.5\" cx=\"\(px(point.x))\" cy=\"\(py(point.y))\"><title>\(HTML.escaped(line.name)): \(fixed(point.y, 4))</title></circle>"
            }
    }

    private var axisLabels: [String] {
        [
            "<text class=\"axis\" text-anchor=\"middle\" x=\"\(fixed((Self.left + Self.width - Self.right) / 2, 0))\" y=\"\(fixed(Self.height - 8, 0))\">\(HTML.escaped(xLabel))</text>",
            "<text class=\"axis\" text-anchor=\"middle\" transform=\"translate(12 \(fixed((Self.top + Self.height - Self.bottom) / 2, 0))) rotate(-90)\">\(HTML.escaped(yLabel))</text>",
        ]
    }

    /// One line with the names of the series, where there are several.
    private var legend: [String] {
        let named = lines.filter { !$0.name.isEmpty && !$0.isDashed }
        guard named.count > 1 else { return [] }
        let keys = named.map { "<span><i class=\"k\($0.series)\"></i>\(HTML.escaped($0.name))</span>" }
        return ["<p class=\"legend\">" + keys.joined() + "</p>"]
    }
}
