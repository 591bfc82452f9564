/// One message of a partition as the pipeline takes it, wherever it comes from: a topic, a file or a test.
///
/// It borrows `value` from whoever made it, until the batch that it is in has been processed.
public struct SourceMessage {
    /// The message's place in its source's own batch. Dead letters copy the rest of the message from there.
    public let position: Int
    /// The message's place in its partition.
    public let offset: Int64
    /// The bytes to decode; `nil` for a message without a value.
    public let value: UnsafeRawBufferPointer?
    /// When the message was made, milliseconds since 1970; `nil` if it does not say.
    public let timestampMilliseconds: Int64?
    /// For a redriven message: the offset of its original, in the same partition.
    public let originalOffset: Int64?

    /// A message with what its source knows of it.
    public init(
        position: Int, offset: Int64, value: UnsafeRawBufferPointer?, timestampMilliseconds: Int64? = nil,
        originalOffset: Int64? = nil
    ) {
        self.position = position
        self.offset = offset
        self.value = value
        self.timestampMilliseconds = timestampMilliseconds
        self.originalOffset = originalOffset
    }
}

/// Messages to be processed together, those of one partition next to each other. Reusable.
public struct SourceBatch {
    /// Consecutive messages of one partition.
    package struct Run {
        /// The partition's state, which takes them in.
        package let partition: PartitionState
        /// Where they stand in `SourceBatch.messages`.
        package let messages: Range<Int>
    }

    /// All messages, run by run.
    package private(set) var messages: [SourceMessage] = []
    /// The runs, in the order of their messages.
    package private(set) var runs: [Run] = []
    /// A batch without messages.
    package init() {}

    /// Forgets all messages, and keeps the memory.
    package mutating func removeAll() {
        messages.removeAll(keepingCapacity: true)
        runs.removeAll(keepingCapacity: true)
    }

    /// Adds a message behind those of the run that `endRun` will close.
    public mutating func append(_ message: SourceMessage) { messages.append(message) }

    /// Closes a run: the messages added since the last one are of this partition, by ascending offset.
    package mutating func endRun(of partition: PartitionState) {
        let start = runs.last?.messages.upperBound ?? 0
        guard messages.count > start else { return }
        runs.append(Run(partition: partition, messages: start..<messages.count))
    }
}
