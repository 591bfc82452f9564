import Kafka
import Pipeline

extension SourceBatch {
    /// Messages that only rebuild state, and the model that has published their predictions.
    typealias Past = (model: ScoringModel, batch: SourceBatch)

    /// Takes the messages of partitions that are being read from a poll's batch, where those of one stand together.
    /// - Parameters:
    ///   - past: gets the runs that only rebuild state, and which several models have scored: to be processed one after the other,
    ///     before the rest.
    ///   - replayed: gets the other runs that only rebuild state. They publish nothing, so that nothing can make them fail.
    ///   - live: gets the runs with live messages.
    static func fill(
        past: inout [Past], replayed: inout SourceBatch, live: inout SourceBatch, from messages: MessageBatch,
        of registry: PartitionRegistry, for pipeline: ScoringPipeline
    ) {
        past.removeAll()
        replayed.removeAll()
        live.removeAll()
        var start = 0
        while start < messages.count {
            let partition = messages[start].partition
            var end = start + 1
            while end < messages.count, messages[end].partition == partition { end += 1 }
            let next = end
            if let task = registry[partition], task.takesMessages {
                if let missing = pipeline.firstMissingSchema(in: messages, start..<end) {
                    task.awaitSchema(missing.schema)
                    end = missing.position
                }
                while start < end {
                    let (model, until) = pipeline.model(at: messages[start].offset, of: task.state)
                    if until == .max { break }
                    let stop = (start..<end).first { messages[$0].offset >= until } ?? end
                    // Groups of one model are scored together; those of a partition stay in order.
                    if past.last?.model !== model { past.append((model, SourceBatch())) }
                    past[past.count - 1].batch.append(messages, start..<stop, of: task.state)
                    start = stop
                }
                if start == end {
                    // The first one already has to wait.
                } else if messages[end - 1].offset >= task.state.restoreEndOffset {
                    live.append(messages, start..<end, of: task.state)
                } else {
                    replayed.append(messages, start..<end, of: task.state)
                }
            }
            start = next
        }
    }

    private mutating func append(_ messages: MessageBatch, _ positions: Range<Int>, of partition: PartitionState) {
        for position in positions { append(SourceMessage(messages[position], position: position)) }
        endRun(of: partition)
    }
}

extension ScoringPipeline {
    /// The first message whose schema has to be asked for, so that neither it nor those behind it can be processed yet.
    fileprivate func firstMissingSchema(
        in messages: MessageBatch, _ positions: Range<Int>
    ) -> (position: Int, schema: UInt32)? {
        guard readsRegistrySchemas else { return nil }
        for position in positions {
            if let value = messages[position].value, let schema = missingSchema(of: value) { return (position, schema) }
        }
        return nil
    }
}

extension SourceMessage {
    /// A message from Kafka, which borrows from its batch.
    init(_ message: Message, position: Int) {
        self.init(
            position: position, offset: message.offset, value: message.value,
            timestampMilliseconds: message.timestampMilliseconds,
            originalOffset: RedrivenMessage.originalOffset(message.header(RedrivenMessage.header)))
    }
}
