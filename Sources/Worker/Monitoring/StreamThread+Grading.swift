import Kafka
import Monitoring
import Scoring

/// Predictions that grade themselves.
extension StreamThread {
    /// A grader for a partition, if there is to be one.
    func makeGrader() -> LabelJoin? {
        guard settings.isGrading else { return nil }
        var grader = LabelJoin(windowDays: settings.gradingWindowDays, limit: settings.gradingLimit)
        grader.use(graderVersion)
        return grader
    }

    /// Shows predictions to their partition's grader. What those that are published make known of earlier ones is published
    /// with them.
    func grade(_ graded: LabelJoin.Batch, of task: PartitionTask) throws(KafkaError) {
        let versions = outcomes == nil ? [] : task.grader?.versions ?? []
        var failure: KafkaError?
        var hasFailed = false
        let (liveFrom, outcomes) = (task.liveFrom, outcomes)
        var (bought, notBought) = (0, 0)
        task.grader?.join(graded) { isBought, offset, outcome in
            guard offset >= liveFrom, !hasFailed else { return }
            if isBought { bought += 1 } else { notBought += 1 }
            guard let outcomes else { return }
            do throws(KafkaError) {
                let outcome = outcome()
                try publish(outcome, of: versions[Int(outcome.prediction.version)], from: task, to: outcomes)
            } catch {
                failure = error
                hasFailed = true
            }
        }
        labels.bought += bought
        labels.notBought += notBought
        if let failure { throw failure }
    }

    private func publish(
        _ outcome: LabelJoin.Outcome, of version: LabelJoin.Version, from task: PartitionTask, to topic: Topic
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
