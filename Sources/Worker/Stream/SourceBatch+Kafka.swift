import Kafka
import Pipeline

extension SourceBatch {
    /// Takes the messages of partitions that are being read from a poll's batch, where those of one stand together.
    /// - Parameter withUndo: whether what is live has to be undone if its transaction is aborted.
    mutating func fill(from messages: MessageBatch, of registry: PartitionRegistry, withUndo: Bool) {
        removeAll()
        var position = 0
        while position < messages.count {
            let partition = messages[position].partition
            let task = registry[partition].flatMap { $0.takesMessages ? $0 : nil }
            while position < messages.count, messages[position].partition == partition {
                if task != nil { append(SourceMessage(messages[position], position: position)) }
                position += 1
            }
            guard let task else { continue }
            let isLive = endRun(of: task.state)
            if isLive, withUndo, task.state.undoOffset == nil { task.state.setUndoPoint() }
        }
    }
}

extension SourceMessage {
    /// A message from Kafka, which borrows from its batch.
    init(_ message: Message, position: Int) {
        self.init(
            position: position, offset: message.offset, value: message.value,
            timestampMilliseconds: message.timestampMilliseconds,
            originalOffset: DeadLetterHeader.originalOffset(of: message))
    }
}
