import Events
import Scoring

/// Where the pipeline's records go: to Kafka in the worker, into arrays or files elsewhere.
///
/// An error that it throws ends the batch: what has been taken into state is then ahead of what has been published, and the
/// caller undoes it (`PartitionState.undo`) or gives the state up.
package protocol RecordSink: AnyObject {
    /// Takes the messages of a batch that are no customer events. Called once a batch, before its predictions.
    /// - Parameters:
    ///   - rejected: those messages, in order.
    ///   - live: how many live messages the batch has.
    func reject(_ rejected: [RejectedMessage], live: Int) throws

    /// Takes a prediction, which it must copy: its bytes are lent for the call.
    /// - Parameter message: of the event; for the prediction of an instant of the schedule that of which the event passed it.
    func publish(_ prediction: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) throws

    /// Takes a prediction for comparison only, by a model beside the one that serves. It has no payload where the scorer writes
    /// none for it.
    func publish(challenger: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) throws

    /// Whether `publish(_:of:in:)` wants outcomes; if not they are not encoded.
    var takesOutcomes: Bool { get }

    /// Takes a prediction's label that has become known.
    func publish(_ outcome: OutcomeRecord, in partition: PartitionState) throws
}

extension RecordSink {
    /// A sink has no use for them unless it says so.
    package func publish(challenger: Scorer.Prediction, of message: SourceMessage, in partition: PartitionState) {}

    /// A sink takes no outcomes unless it says so.
    package var takesOutcomes: Bool { false }

    /// Never called for a sink that takes no outcomes.
    package func publish(_ outcome: OutcomeRecord, in partition: PartitionState) {}
}

/// A live message that is no customer event.
package struct RejectedMessage {
    /// The partition that it came from.
    package let partition: PartitionState
    /// The message, as it was given to the pipeline.
    package let message: SourceMessage
    /// What is wrong with which field.
    package let reason: EventError
}

/// The label of an earlier prediction, ready to be published.
package struct OutcomeRecord {
    /// Offset of the message that the prediction was of.
    package let predictionOffset: Int64
    /// The place in that message of the event that the prediction was of.
    package let predictionLine: Int
    /// Whether the prediction was of an instant of the schedule, and of no event.
    package let isScheduled: Bool
    /// The instant that the prediction was of, milliseconds.
    package let instant: Int64
    /// `contentHash` of the customer's identifier.
    package let customerHash: UInt64
    /// The customer whom the prediction was of; the record's key.
    package let customerID: [UInt8]
    /// JSON, as `config/outcome.schema.json` describes it.
    package let payload: [UInt8]
}
