import Ensemble
import Events
import Features

/// From scoring points to an ensemble, by way of predictions that no member made of what it had seen.
public struct Trainer {
    /// The trained ensemble and the files that hold its members.
    public struct Result {
        public let ensemble: Ensemble
        public let weights: Ensemble.Weights
        public let logisticRegression: LogisticModel
        public let randomForestFile: [UInt8]
        public let xgboostFile: [UInt8]
        /// Points learned from.
        public let trainingPoints: Int
    }

    public let settings: TrainingSettings

    public init(settings: TrainingSettings) { self.settings = settings }

    /// - Parameter progress: told what is being done and what share of the whole is behind.
    public func train(
        _ points: ScoringPoints, protocol times: EvaluationProtocol, progress: (String, Double) -> Void
    ) throws -> Result {
        let set = TrainingSet(points, protocol: times, shares: settings.shares)
        guard !set.indices.isEmpty else {
            throw TrainingError("no training points before \(EventTime.text(times.split))")
        }
        let steps = Double(settings.folds + 1)
        var outOfFold = Combiners.Predictions()
        var latest = Combiners.Predictions()
        for (number, block) in blocks(times).enumerated() {
            let seen = set.knownAt(block.lowerBound, points)
            let unseen = set.within(block, points)
            guard !unseen.indices.isEmpty else { continue }
            guard !seen.indices.isEmpty else {
                throw TrainingError(
                    "no points with known labels before \(EventTime.text(block.lowerBound)), where fold \(number + 1) begins: "
                        + "give a longer history or fewer folds")
            }
            let members = try Members(points, seen, settings) {
                progress("fold \(number + 1) of \(settings.folds)", (Double(number) + $0) / steps)
            }
            latest = Combiners.Predictions()
            latest.append(
                members.margins(points, unseen.indices), labels: unseen.labels(points), weights: unseen.weights)
            outOfFold.append(latest.margins, labels: latest.labels, weights: unseen.weights)
        }
        guard !latest.labels.isEmpty else {
            throw TrainingError("no points to fit the combiners on: give a longer history")
        }
        let weights = Combiners.fit(outOfFold: outOfFold, latest: latest)
        let members = try Members(points, set, settings) {
            progress("members", (Double(settings.folds) + $0) / steps)
        }
        return Result(
            ensemble: Ensemble(
                logisticRegression: members.logisticRegression, randomForest: members.randomForest,
                xgboost: members.xgboost, weights: weights),
            weights: weights, logisticRegression: members.logisticRegression,
            randomForestFile: members.randomForestFile, xgboostFile: members.xgboostFile,
            trainingPoints: set.indices.count)
    }

    /// The last 60 % of the training period, cut into blocks of equal length, oldest first.
    private func blocks(_ times: EvaluationProtocol) -> [Range<Int64>] {
        let end = times.split - EvaluationProtocol.horizon + 1
        let length = (end - times.start) * 6 / 10 / Int64(settings.folds)
        return (0..<settings.folds).map { number in
            let start = end - Int64(settings.folds - number) * length
            return start..<(start + length)
        }
    }
}
