import Kafka
import Pipeline

extension SourceBatch {
    /// Takes the messages of partitions that are being read from a poll's batch, where those of one stand together.
    mutating func fill(from messages: MessageBatch, of registry: PartitionRegistry) {
        removeAll()
        var position = 0
        while position < messages.count {
            let partition = messages[position].partition
            let task = registry[partition].flatMap { $0.takesMessages ? $0 : nil }
            while position < messages.count, messages[position].partition == partition {
                if task != nil { append(SourceMessage(messages[position], position: position)) }
                position += 1
            }
            if let task { endRun(of: task.state) }
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
