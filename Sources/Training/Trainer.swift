import Ensemble
import Events
import Features

/// From scoring points to an ensemble, by way of predictions that no member made of what it had seen.
package struct Trainer: Sendable {
    /// The trained ensemble and the files that hold its members.
    package struct Result: Sendable {
        package let ensemble: Ensemble
        package let weights: Ensemble.Weights
        package let logisticRegression: LogisticModel
        package let randomForestFile: [UInt8]
        package let xgboostFile: [UInt8]
        /// Points learned from.
        package let trainingPoints: Int
    }

    package let settings: TrainingSettings

    package init(settings: TrainingSettings) { self.settings = settings }

    /// - Parameter progress: told what is being done and what share of the whole is behind.
    package func train(
        _ points: ScoringPoints, protocol times: EvaluationProtocol, progress: (String, Double) -> Void
    ) throws -> Result {
        let set = TrainingSet(points, settings.shares, isIn: times.isTraining)
        guard !set.indices.isEmpty else {
            throw DataError("no training points before \(EventTime.text(times.split))")
        }
        // The largest first; each of them needs one thread, so that the work is spread over sets and not within them.
        var seen = [set]
        var unseen: [TrainingSet] = []
        for (number, block) in blocks(times).enumerated() {
            // Weights of their own: how many events a customer will have is not known when a block begins.
            let ahead = TrainingSet(points, settings.shares) { times.isTraining($0) && block.contains($0.time) }
            guard !ahead.indices.isEmpty else { continue }
            unseen.append(ahead)
            seen.append(
                TrainingSet(points, settings.shares) {
                    times.isTraining($0) && $0.time + EvaluationProtocol.horizon <= block.lowerBound
                })
            guard !seen[seen.count - 1].indices.isEmpty else {
                throw DataError(
                    "no points with known labels before \(EventTime.text(block.lowerBound)), where fold \(number + 1) begins: "
                        + "give a longer history or fewer folds")
            }
        }
        guard !unseen.isEmpty else {
            throw DataError("no points to fit the combiners on: give a longer history")
        }
        let members = try Members.fit(points, seen, settings) { progress("members", $0) }
        let weights = Combiners.fit(
            blocks: zip(unseen, members.dropFirst()).map { $1.predictions(points, $0, weights: $0.weights) },
            own: members[0].predictions(
                points, set, weights: set.weights(points, halfLifeDays: settings.levelHalfLifeDays)))
        let all = members[0]
        return Result(
            ensemble: Ensemble(
                logisticRegression: all.logisticRegression, randomForest: all.trees.randomForest,
                xgboost: all.trees.xgboost, weights: weights),
            weights: weights, logisticRegression: all.logisticRegression,
            randomForestFile: all.trees.randomForestFile, xgboostFile: all.trees.xgboostFile,
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
