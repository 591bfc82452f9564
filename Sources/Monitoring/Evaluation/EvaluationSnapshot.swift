/// A label join's predictions at one moment, from which `OnlineEvaluation` is computed. Immutable.
///
/// It shares memory with the label join. As long as it exists, the label join copies each chunk that it changes.
package struct EvaluationSnapshot: Sendable {
    let versions: [LabelJoin.Version]
    let chunks: [PredictionChunk]
    let sampledShare: Double
    /// Event times of the predictions that are evaluated, milliseconds. The horizon has passed, and the window has not.
    let evaluatedTimes: Range<Int64>

    /// Predictions whose labels are not known yet.
    package var pending: Int { chunks.reduce(0) { $0 + $1.pending } }

    /// Predictions kept whose labels are known.
    var labeled: Int { chunks.reduce(0) { $0 + $1.count - $1.pending } }

    /// All predictions kept, in log order.
    package var predictions: some Sequence<LabeledPrediction> { chunks.lazy.flatMap(\.predictions) }
}

extension LabelJoin {
    /// The present predictions.
    /// - Complexity: O(1).
    package var evaluationSnapshot: EvaluationSnapshot {
        EvaluationSnapshot(
            versions: versions, chunks: chunks, sampledShare: sampledShare, evaluatedTimes: evaluatedTimes)
    }
}
