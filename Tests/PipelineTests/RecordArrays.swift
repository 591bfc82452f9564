import Events
import Pipeline
import Scoring

/// Keeps what a pipeline hands out, and fails when it is told to.
final class RecordArrays: RecordSink {
    struct Failure: Error {}

    /// By partition and offset, in the order that they came in.
    private(set) var predictions: [(partition: Int32, offset: Int64, line: Int, payload: String)] = []
    /// The payloads as they are.
    private(set) var payloads: (predictions: [[UInt8]], labels: [[UInt8]]) = ([], [])
    private(set) var labels: [(partition: Int32, offset: Int64, payload: String)] = []
    private(set) var rejected: [(offset: Int64, reason: String)] = []
    /// Predictions until it fails; it does so once.
    var failsAfter: Int?
    let takesOutcomes = true

    func reject(_ rejected: [RejectedMessage], live: Int) {
        self.rejected += rejected.map { ($0.message.offset, "\($0.reason)") }
    }

    func publish(_ prediction: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) throws {
        if let left = failsAfter {
            failsAfter = left > 0 ? left - 1 : nil
            if left == 0 { throw Failure() }
        }
        payloads.predictions.append(Array(prediction.payload))
        predictions.append(
            (partition.number, message.offset, prediction.line, String(decoding: prediction.payload, as: UTF8.self)))
    }

    func publish(_ outcome: OutcomeRecord, in partition: PartitionState) {
        payloads.labels.append(outcome.payload)
        labels.append(
            (partition.number, outcome.predictionOffset, String(decoding: outcome.payload, as: UTF8.self)))
    }

    /// The labels as texts that name their predictions.
    var outcomes: [String] { labels.map { "\($0.partition)@\($0.offset) \($0.payload)" } }

    /// Takes back the records from an offset of a partition on, as an aborted transaction does.
    func abort(partition: Int32, from offset: Int64, outcomes count: Int) {
        predictions.removeAll { $0.partition == partition && $0.offset >= offset }
        labels.removeLast(labels.count - count)
    }
}
