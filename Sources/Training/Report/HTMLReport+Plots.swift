import Ensemble
import Events
import Foundation
import Monitoring

/// The sections of plots: curves of the served model, and the backtest over time.
extension HTMLReport {
    /// The served model's curves by evaluation.
    var plots: String? {
        guard let predictions = outcome.predictions else { return nil }
        let sets = Evaluation.Name.allCases.map { name in
            let indices = predictions.sets.indices[name]!.flatMap { $0 }
            return (
                name: name.rawValue,
                curves: Curves(
                    probabilities: predictions.probabilities(indices, serving),
                    labels: predictions.sets.labels(indices))
            )
        }
        func lines(_ points: (Curves) -> [(x: Double, y: Double)], dots: Bool = false) -> [Plot.Line] {
            sets.enumerated().map {
                Plot.Line(name: $1.name, points: points($1.curves), series: $0 + 1, hasDots: dots)
            }
        }
        let diagonal = Plot.Line(name: "", points: [(0, 0), (1, 1)], series: 4, isDashed: true)
        var roc = Plot(title: "ROC", xLabel: "false positive rate", yLabel: "true positive rate", x: 0...1, y: 0...1)
        roc.lines = [diagonal] + lines(\.roc)
        var recall = Plot(title: "Precision and recall", xLabel: "recall", yLabel: "precision", x: 0...1, y: 0...1)
        recall.lines = lines(\.precisionRecall)
        var calibration = Plot(
            title: "Calibration: below the diagonal it promises too much", xLabel: "mean probability",
            yLabel: "positive rate", x: 0...1, y: 0...1)
        calibration.lines = [diagonal] + lines(\.calibration, dots: true)
        let distributions = sets.map { distribution($0.name, $0.curves) }
        return HTML.section(
            "How \(serving.rawValue) ranks and promises",
            HTML.grid([roc.svg(), recall.svg(), calibration.svg(), lift(sets)] + distributions))
    }

    private func lift(_ sets: [(name: String, curves: Curves)]) -> String {
        let lifts = sets.map(\.curves.lift)
        var plot = Plot(
            title: "Lift by tenth, most probable first", xLabel: "tenth of the points",
            yLabel: "× the mean positive rate", x: 1...10, y: 0...(lifts.joined().max() ?? 1) * 1.05)
        plot.lines = zip(sets, lifts).enumerated().map { number, pair in
            Plot.Line(
                name: pair.0.name, points: pair.1.enumerated().map { (Double($0 + 1), $1) }, series: number + 1,
                hasDots: true)
        }
        plot.xTicks = (1...10).map { (Double($0), "\($0)") }
        return plot.svg()
    }

    /// Two histograms of probabilities, by label.
    private func distribution(_ name: String, _ curves: Curves) -> String {
        let (others, positives) = (curves.distribution(of: false), curves.distribution(of: true))
        let top = zip(others, positives).map { max($0, $1) }.max() ?? 1
        var plot = Plot(
            title: "\(name): scores of those who did not buy and who did", xLabel: "probability",
            yLabel: "share of points",
            x: 0...1, y: 0...max(top * 1.05, 0.01))
        for bin in 0..<20 {
            let from = Double(bin) / 20
            for (series, values, offset) in [(4, others, 0.0), (1, positives, 0.025)] {
                plot.bars.append(
                    Plot.Bar(
                        x: (from + offset, from + offset + 0.025), height: values[bin],
                        title:
                            "\(fixed(from, 2)) to \(fixed(from + 0.05, 2)), \(series == 1 ? "bought" : "did not buy"): "
                            + "\(fixed(values[bin] * 100, 1)) % of all",
                        series: series))
            }
        }
        return plot.svg()
            .replacingOccurrences(
                of: "</figure>",
                with:
                    "<p class=\"legend\"><span><i class=\"k4\"></i>did not buy</span><span><i class=\"k1\"></i>bought</span></p></figure>"
            )
    }

    /// The served model's metrics at each split of the backtest.
    var backtest: String? {
        guard let backtest = outcome.backtest, !backtest.origins.isEmpty else { return nil }
        return HTML.section(
            "Backtest: trained anew at each split, judged by the \(report.settings.backtest.everyDays) days after it",
            HTML.grid([
                plot(backtest, "ROC-AUC", \.rocAUC), plot(backtest, "Log loss", \.logLoss),
                plot(backtest, "ECE", \.ece),
            ]))
    }

    /// One metric over the splits of a backtest, a line an evaluation.
    private func plot(_ backtest: Backtest, _ title: String, _ metric: KeyPath<Metrics, Double>) -> String {
        let series = Evaluation.Name.allCases.map { name in
            backtest.origins.compactMap { $0.metrics[name.rawValue]?[serving.rawValue]?[keyPath: metric] }
        }
        let (low, high) = (series.joined().min() ?? 0, series.joined().max() ?? 1)
        let margin = max((high - low) * 0.15, 0.005)
        var plot = Plot(
            title: title, xLabel: "split", yLabel: title, x: 0...Double(max(backtest.origins.count - 1, 1)),
            y: (low - margin)...(high + margin))
        plot.xTicks = backtest.origins.enumerated().map { (Double($0), String($1.split.prefix(10).dropFirst(2))) }
        plot.lines = zip(Evaluation.Name.allCases, series).enumerated().map { number, pair in
            Plot.Line(
                name: pair.0.rawValue, points: pair.1.enumerated().map { (Double($0), $1) }, series: number + 1,
                hasDots: true)
        }
        return plot.svg()
    }
}
