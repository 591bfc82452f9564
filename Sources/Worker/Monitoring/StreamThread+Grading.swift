import Kafka
import Monitoring
import Scoring

/// Predictions that grade themselves.
extension StreamThread {
    /// A grader for a partition, if there is to be one.
    func makeGrader() -> Grader? {
        guard settings.isGrading else { return nil }
        var grader = Grader(windowDays: settings.gradingWindowDays, limit: settings.gradingLimit)
        grader.use(graderVersion)
        return grader
    }

    /// Shows a prediction to its partition's grader.
    /// - Parameter isLive: whether it is published, and with it what it makes known of earlier ones.
    func grade(_ prediction: Scorer.Prediction, of task: PartitionTask, offset: Int64, isLive: Bool) throws(KafkaError)
    {
        if task.grader == nil { return }
        let versions = outcomes == nil ? [] : task.grader?.versions ?? []
        var failure: KafkaError?
        task.grader?.take(
            customerHash: prediction.customerHash, invoiceHash: prediction.invoiceHash, time: prediction.time,
            clock: prediction.clock, isPurchase: prediction.isPurchase, scores: prediction.scores, offset: offset
        ) { outcome in
            guard isLive, failure == nil else { return }
            if outcome.isBought { labels.bought += 1 } else { labels.notBought += 1 }
            do throws(KafkaError) {
                if let outcomes {
                    try publish(outcome, of: versions[Int(outcome.prediction.version)], from: task, to: outcomes)
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    private func publish(
        _ outcome: Grader.Outcome, of version: Grader.Version, from task: PartitionTask, to topic: Topic
    ) throws(KafkaError) {
        let prediction = outcome.prediction
        // Nobody is forgotten while a prediction of them waits: a customer is kept for a year at least.
        guard let customerID = task.table.customerID(ofHash: prediction.customerHash) else { return }
        outcomePayload.removeAll(keepingCapacity: true)
        OutcomeEncoder.append(outcome, of: version, customerID: customerID, to: &outcomePayload)
        let source = PredictionSource.text(
            topic: task.partition.topic, partition: task.partition.partition, offset: prediction.offset)
        try send(outcomePayload, key: customerID, source: Array(source.utf8), to: topic)
    }

    private func send(_ value: [UInt8], key: [UInt8], source: [UInt8], to topic: Topic) throws(KafkaError) {
        let result = value.withUnsafeBytes { value in
            key.withUnsafeBytes { key in
                source.withUnsafeBytes { source in
                    Result { () throws(KafkaError) in
                        try producer.produce(
                            to: topic, key: key, value: value, header: PredictionSource.header, source)
                    }
                }
            }
        }
        try result.get()
    }
}
