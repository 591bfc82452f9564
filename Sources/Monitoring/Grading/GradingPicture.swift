import Ensemble
import Events

/// A grader's predictions at one moment: immutable, and without copies of them.
public struct GradingPicture: Sendable {
    let versions: [Grader.Version]
    let chunks: [PredictionChunk]
    let sampledShare: Double
    /// Times of predictions that figures are of, milliseconds: those whose horizons have passed, within the window.
    let counting: Range<Int64>

    /// Predictions that wait for their labels.
    public var pending: Int { chunks.reduce(0) { $0 + $1.pending } }

    /// Those kept, in the order of the log.
    public var predictions: some Sequence<GradedPrediction> { chunks.lazy.flatMap(\.predictions) }
}

extension Grades {
    /// What the predictions of some partitions come to together.
    /// - Parameter seed: decides the order of ties, which lift depends on.
    /// - Complexity: O(n log n) in the number of graded predictions, five times.
    public init(_ pictures: [GradingPicture], bought: Int = 0, notBought: Int = 0, seed: UInt64 = 0) {
        self.bought = bought
        self.notBought = notBought
        pending = pictures.reduce(0) { $0 + $1.pending }
        sampledShare = pictures.map(\.sampledShare).min() ?? 1
        var all: [Grader.Version] = []
        for version in pictures.flatMap(\.versions) where !all.contains(version) { all.append(version) }
        versions = all.compactMap { version in Version(version, pictures, seed: seed) }
            .sorted { $0.version < $1.version }
    }
}

extension Grades.Version {
    /// - Returns: `nil` when none of the version's predictions counts.
    fileprivate init?(_ version: Grader.Version, _ pictures: [GradingPicture], seed: UInt64) {
        var graded: [GradedPrediction] = []
        /// Of days: predictions that do not count yet.
        var waiting: [Int32: Int] = [:]
        for picture in pictures {
            guard let number = picture.versions.firstIndex(of: version) else { continue }
            for prediction in picture.predictions
            where prediction.version == number && prediction.time >= picture.counting.lowerBound {
                if prediction.label != .pending, prediction.time < picture.counting.upperBound {
                    graded.append(prediction)
                } else {
                    waiting[EventTime.day(of: prediction.time), default: 0] += 1
                }
            }
        }
        guard !graded.isEmpty, let serving = version.models.firstIndex(of: version.servingModel) else { return nil }
        self.version = version.version
        servingModel = version.servingModel
        let labels = graded.map { $0.label == .bought }
        var figures: [ModelName: Metrics] = [:]
        for (place, model) in version.models.enumerated() {
            figures[model] = Metrics(
                probabilities: graded.map { $0.probabilities[place] }, labels: labels, seed: seed)
        }
        self.figures = figures
        calibration = Self.calibration(graded, serving)
        days = Dictionary(grouping: graded) { EventTime.day(of: $0.time) }.sorted { $0.key < $1.key }.map {
            day, those in
            Grades.Day(
                day: String(EventTime.text(Int64(day) * EventTime.millisecondsPerDay).prefix(10)),
                isComplete: waiting[day] == nil,
                metrics: Metrics(
                    probabilities: those.map { $0.probabilities[serving] }, labels: those.map { $0.label == .bought },
                    seed: seed))
        }
    }

    private static func calibration(_ graded: [GradedPrediction], _ serving: Int) -> [Grades.CalibrationBin] {
        var bins = [(count: Int, sum: Double, bought: Int)](repeating: (0, 0, 0), count: 10)
        for prediction in graded {
            let probability = prediction.probabilities[serving]
            let bin = min(Int(probability * 10), 9)
            bins[bin].count += 1
            bins[bin].sum += probability
            if prediction.label == .bought { bins[bin].bought += 1 }
        }
        return bins.map { bin in
            let count = Double(max(bin.count, 1))
            return Grades.CalibrationBin(
                count: bin.count, predicted: bin.sum / count, observed: Double(bin.bought) / count)
        }
    }
}
