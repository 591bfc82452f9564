import Ensemble
import Events

extension OnlineEvaluation {
    /// Evaluates the predictions of some partitions together.
    /// - Parameters:
    ///   - champion: the version in service, which others are held against; `nil` for no comparisons.
    ///   - start: event time in milliseconds; earlier predictions do not count.
    ///   - bought: labels since the start, see `bought`.
    ///   - notBought: labels since the start, see `notBought`.
    ///   - seed: decides the order of ties, which lift depends on.
    /// - Complexity: O(n log n) in the number of labeled predictions, for each model.
    package init(
        _ snapshots: [EvaluationSnapshot], champion: String? = nil, from start: Int64 = .min, bought: Int = 0,
        notBought: Int = 0,
        seed: UInt64 = 0
    ) {
        self.bought = bought
        self.notBought = notBought
        pending = snapshots.reduce(0) { $0 + $1.pending }
        sampledShare = snapshots.map(\.sampledShare).min() ?? 1
        var all: [LabelJoin.Version] = []
        for version in snapshots.flatMap(\.versions) where !all.contains(where: { $0.isSameModel(as: version) }) {
            all.append(version)
        }
        versions = all.compactMap { version in Version(version, snapshots, from: start, seed: seed) }
            .sorted { $0.version < $1.version }
        comparisons = champion.map { PairedComparison.all(snapshots, champion: $0) } ?? []
    }
}

/// Labels and probabilities, column by column.
private struct LabeledColumns {
    var labels: [Bool] = []
    /// By model.
    var probabilities: [[Double]]

    init(models: Int, reserving rows: Int = 0) {
        probabilities = (0..<models).map { _ in [] }
        labels.reserveCapacity(rows)
        for column in probabilities.indices { probabilities[column].reserveCapacity(rows) }
    }

    /// Of each model; none where there are no rows.
    func figures(of models: [ModelName], seed: UInt64) -> [ModelName: Metrics] {
        guard !labels.isEmpty else { return [:] }
        var figures: [ModelName: Metrics] = [:]
        for (model, probabilities) in zip(models, probabilities) {
            figures[model] = Metrics(probabilities: probabilities, labels: labels, seed: seed)
        }
        return figures
    }

    mutating func append(_ prediction: LabeledPrediction, models: Range<Int>) {
        labels.append(prediction.label == .bought)
        for (column, model) in models.enumerated() {
            probabilities[column].append(prediction.probabilities[model])
        }
    }
}

extension OnlineEvaluation.Version {
    /// - Returns: `nil` when none of the version's predictions is evaluated.
    fileprivate init?(
        _ version: LabelJoin.Version, _ snapshots: [EvaluationSnapshot], from start: Int64, seed: UInt64
    ) {
        guard let serving = version.models.firstIndex(of: version.servingModel) else { return nil }
        var all = LabeledColumns(models: version.models.count, reserving: snapshots.reduce(0) { $0 + $1.labeled })
        var rescored = LabeledColumns(models: version.models.count)
        /// The served model's, by day.
        var days: [Int32: LabeledColumns] = [:]
        /// Days with predictions whose horizon has not passed.
        var incomplete: Set<Int32> = []
        for snapshot in snapshots {
            // Whether it was served or not: all that it has predicted counts.
            let numbers = snapshot.versions.indices.filter { snapshot.versions[$0].isSameModel(as: version) }
            guard !numbers.isEmpty else { continue }
            for prediction in snapshot.predictions
            where numbers.contains(Int(prediction.version))
                && prediction.time >= max(start, snapshot.evaluatedTimes.lowerBound)
            {
                let day = EventTime.day(of: prediction.time)
                let isKnown =
                    !prediction.label.isPending && prediction.time < snapshot.evaluatedTimes.upperBound
                if prediction.isScheduled {
                    if isKnown { rescored.append(prediction, models: 0..<version.models.count) }
                } else if isKnown {
                    all.append(prediction, models: 0..<version.models.count)
                    days[day, default: LabeledColumns(models: 1)].append(prediction, models: serving..<(serving + 1))
                } else {
                    incomplete.insert(day)
                }
            }
        }
        guard !all.labels.isEmpty || !rescored.labels.isEmpty else { return nil }
        self.version = version.version
        servingModel = version.servingModel
        figures = all.figures(of: version.models, seed: seed)
        self.rescored = rescored.figures(of: version.models, seed: seed)
        calibration = Self.calibration(all.probabilities[serving], all.labels)
        self.days = days.sorted { $0.key < $1.key }.map { day, columns in
            OnlineEvaluation.Day(
                day: String(EventTime.text(Int64(day) * EventTime.millisecondsPerDay).prefix(10)),
                isComplete: !incomplete.contains(day),
                metrics: Metrics(probabilities: columns.probabilities[0], labels: columns.labels, seed: seed))
        }
    }

    private static func calibration(_ probabilities: [Double], _ labels: [Bool]) -> [OnlineEvaluation.CalibrationBin] {
        var bins = [(count: Int, sum: Double, bought: Int)](repeating: (0, 0, 0), count: 10)
        for (probability, isBought) in zip(probabilities, labels) {
            let bin = min(Int(probability * 10), 9)
            bins[bin].count += 1
            bins[bin].sum += probability
            if isBought { bins[bin].bought += 1 }
        }
        return bins.map { bin in
            let count = Double(max(bin.count, 1))
            return OnlineEvaluation.CalibrationBin(
                count: bin.count, predicted: bin.sum / count, observed: Double(bin.bought) / count)
        }
    }
}
