import Events

/// Scoring a history, whose reader decodes the events itself.
extension ScoringPipeline {
    /// Takes an event that its source has decoded itself, such as one of a history, into a partition's state. Its prediction
    /// comes with `publishTaken`; until then all events must be of the same partition. Where customers are due after it
    /// (`PartitionState.isRescoringDue`), `publishTaken` comes before the next event.
    /// - Parameter isLastOfMessage: whether the event is the last of its message, of which there is one prediction, unless
    ///   each line has one.
    package func take(_ event: CustomerEvent, isLastOfMessage: Bool = true, into partition: PartitionState) {
        let isRepeated = partition.table.isRepetition(event)
        if isRepeated {
            partition.table.observe(event.time)
        } else {
            takenMessageIsNew = true
            if let schedule = partition.rescoring {
                score(
                    schedule, before: event, tag: takenEvents.messages.count, of: partition.table, into: &model.scorer,
                    isPublished: true, partition)
            }
        }
        defer { if isLastOfMessage { takenMessageIsNew = false } }
        guard isLastOfMessage || scoresEachLine, !isRepeated || (takenMessageIsNew && !scoresEachLine) else {
            if !isRepeated {
                partition.table.update(event)
                keep(unscored: event, at: partition.stateOffset, before: model.scorer.pendingCount)
            }
            return
        }
        let offset = partition.stateOffset
        model.scorer.add(event, tag: takenEvents.messages.count, to: &partition.table, updatesState: !isRepeated)
        takenEvents.append(SourceMessage(position: takenEvents.messages.count, offset: offset, value: nil))
        partition.took(upTo: offset + 1)
    }

    /// Events taken and not yet published.
    package var takenCount: Int { takenEvents.messages.count }

    /// Scores and publishes the events that `take` was given, and the customers who are due.
    /// - Returns: how many predictions.
    package func publishTaken(of partition: PartitionState, into sink: any RecordSink) throws -> Int {
        var result = BatchResult()
        takenEvents.endRun(of: partition)
        try publish(takenEvents, by: model, &model.scorer, &monitor, &labelJoinBatch, into: sink, &result)
        takenEvents.removeAll()
        return result.published + result.rescored + (try rescoreAll(partition, into: sink))
    }
}
