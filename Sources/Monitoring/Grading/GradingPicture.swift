import Ensemble
import Events

/// A grader's predictions at one moment: immutable, and without copies of them.
package struct GradingPicture: Sendable {
    let versions: [Grader.Version]
    let chunks: [PredictionChunk]
    let sampledShare: Double
    /// Times of predictions that figures are of, milliseconds: those whose horizons have passed, within the window.
    let counting: Range<Int64>

    /// Predictions that wait for their labels.
    package var pending: Int { chunks.reduce(0) { $0 + $1.pending } }

    /// Predictions kept whose labels are known.
    var decided: Int { chunks.reduce(0) { $0 + $1.count - $1.pending } }

    /// Those kept, in the order of the log.
    package var predictions: some Sequence<GradedPrediction> { chunks.lazy.flatMap(\.predictions) }
}

extension Grades {
    /// What the predictions of some partitions come to together.
    /// - Parameters:
    ///   - start: Event time in milliseconds; earlier predictions do not count.
    ///   - seed: decides the order of ties, which lift depends on.
    /// - Complexity: O(n log n) in the number of graded predictions, five times.
    package init(
        _ pictures: [GradingPicture], from start: Int64 = .min, bought: Int = 0, notBought: Int = 0, seed: UInt64 = 0
    ) {
        self.bought = bought
        self.notBought = notBought
        pending = pictures.reduce(0) { $0 + $1.pending }
        sampledShare = pictures.map(\.sampledShare).min() ?? 1
        var all: [Grader.Version] = []
        for version in pictures.flatMap(\.versions) where !all.contains(version) { all.append(version) }
        versions = all.compactMap { version in Version(version, pictures, from: start, seed: seed) }
            .sorted { $0.version < $1.version }
    }
}

/// What is known of predictions, column by column.
private struct GradedColumns {
    var labels: [Bool] = []
    /// By model.
    var probabilities: [[Double]]

    /// - Parameter room: for so many predictions.
    init(models: Int, room: Int = 0) {
        probabilities = (0..<models).map { _ in [] }
        labels.reserveCapacity(room)
        for column in probabilities.indices { probabilities[column].reserveCapacity(room) }
    }

    mutating func append(_ prediction: GradedPrediction, models: Range<Int>) {
        labels.append(prediction.label == .bought)
        for (column, model) in models.enumerated() {
            probabilities[column].append(prediction.probabilities[model])
        }
    }
}

extension Grades.Version {
    /// - Returns: `nil` when none of the version's predictions counts.
    fileprivate init?(_ version: Grader.Version, _ pictures: [GradingPicture], from start: Int64, seed: UInt64) {
        guard let serving = version.models.firstIndex(of: version.servingModel) else { return nil }
        var graded = GradedColumns(models: version.models.count, room: pictures.reduce(0) { $0 + $1.decided })
        /// The served model's, by day.
        var days: [Int32: GradedColumns] = [:]
        /// Days of which predictions do not count yet.
        var waiting: Set<Int32> = []
        for picture in pictures {
            guard let number = picture.versions.firstIndex(of: version) else { continue }
            for prediction in picture.predictions
            where prediction.version == number && prediction.time >= max(start, picture.counting.lowerBound) {
                let day = EventTime.day(of: prediction.time)
                if prediction.label != .pending, prediction.time < picture.counting.upperBound {
                    graded.append(prediction, models: 0..<version.models.count)
                    days[day, default: GradedColumns(models: 1)].append(prediction, models: serving..<(serving + 1))
                } else {
                    waiting.insert(day)
                }
            }
        }
        guard !graded.labels.isEmpty else { return nil }
        self.version = version.version
        servingModel = version.servingModel
        var figures: [ModelName: Metrics] = [:]
        for (model, probabilities) in zip(version.models, graded.probabilities) {
            figures[model] = Metrics(probabilities: probabilities, labels: graded.labels, seed: seed)
        }
        self.figures = figures
        calibration = Self.calibration(graded.probabilities[serving], graded.labels)
        self.days = days.sorted { $0.key < $1.key }.map { day, those in
            Grades.Day(
                day: String(EventTime.text(Int64(day) * EventTime.millisecondsPerDay).prefix(10)),
                isComplete: !waiting.contains(day),
                metrics: Metrics(probabilities: those.probabilities[0], labels: those.labels, seed: seed))
        }
    }

    private static func calibration(_ probabilities: [Double], _ labels: [Bool]) -> [Grades.CalibrationBin] {
        var bins = [(count: Int, sum: Double, bought: Int)](repeating: (0, 0, 0), count: 10)
        for (probability, isBought) in zip(probabilities, labels) {
            let bin = min(Int(probability * 10), 9)
            bins[bin].count += 1
            bins[bin].sum += probability
            if isBought { bins[bin].bought += 1 }
        }
        return bins.map { bin in
            let count = Double(max(bin.count, 1))
            return Grades.CalibrationBin(
                count: bin.count, predicted: bin.sum / count, observed: Double(bin.bought) / count)
        }
    }
}
