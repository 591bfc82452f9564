import Events
import Monitoring
import Scoring

/// Predictions are shown to the label join, and what that makes known of earlier ones is published.
extension ScoringPipeline {
    /// What the label join is shown of a prediction that is of an event.
    @inline(__always)
    static func event(
        _ prediction: Scorer.Prediction, of message: SourceMessage, by model: ScoringModel
    ) -> LabelJoin.Event {
        let member = model.labelJoinMember(of: prediction)
        // They are of use where models are compared.
        let slices = model.labelJoinVersions.count > 1 ? RowSlice.mask(prediction.features) : 0
        return prediction.isShadow
            ? LabelJoin.Event(
                besideEventOf: prediction.customerHash, invoiceHash: prediction.invoiceHash, clock: prediction.clock,
                scores: prediction.scores, offset: message.offset, line: prediction.line, member: member,
                slices: slices)
            : LabelJoin.Event(
                customerHash: prediction.customerHash, invoiceHash: prediction.invoiceHash, time: prediction.time,
                clock: prediction.clock, isPurchase: prediction.isPurchase, scores: prediction.scores,
                offset: message.offset, line: prediction.line, member: member, slices: slices)
    }

    /// Shows a partition's label join the predictions of a batch. What they make known of earlier ones is published with them.
    func join(
        _ joined: LabelJoin.Batch, of partition: PartitionState, into sink: any RecordSink, _ result: inout BatchResult
    ) throws {
        let versions = sink.takesOutcomes ? partition.labelJoin?.versions ?? [] : []
        let restoreEndOffset = partition.restoreEndOffset
        var (bought, notBought) = (0, 0)
        // The label join sees the whole batch even if the sink fails, so that it stays whole.
        var failure: (any Error)?
        partition.labelJoin?.join(joined) { isBought, offset, outcome in
            guard offset >= restoreEndOffset, failure == nil else { return }
            if isBought { bought += 1 } else { notBought += 1 }
            guard !versions.isEmpty else { return }
            do {
                let outcome = outcome()
                try publish(outcome, of: versions[Int(outcome.prediction.version)], in: partition, into: sink)
            } catch {
                failure = error
            }
        }
        result.bought += bought
        result.notBought += notBought
        if let failure { throw failure }
    }

    private func publish(
        _ outcome: LabelJoin.Outcome, of version: LabelJoin.Version, in partition: PartitionState,
        into sink: any RecordSink
    ) throws {
        let prediction = outcome.prediction
        // A customer is kept for at least a year, longer than a label can be pending: whoever is removed was so in this batch.
        guard let customerID = partition.table.customerID(ofHash: prediction.customerHash) else { return }
        outcomePayload.removeAll(keepingCapacity: true)
        if let outcomeSchema {
            OutcomeEncoder.append(
                outcome, of: version, customerID: customerID, schema: outcomeSchema, to: &outcomePayload)
        } else {
            OutcomeEncoder.append(outcome, of: version, customerID: customerID, to: &outcomePayload)
        }
        try sink.publish(
            OutcomeRecord(
                predictionOffset: prediction.offset, predictionLine: Int(prediction.line),
                isScheduled: prediction.isScheduled, instant: prediction.time, customerHash: prediction.customerHash,
                customerID: customerID, payload: outcomePayload),
            in: partition)
    }
}
