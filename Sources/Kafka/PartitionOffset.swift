/// A place in a partition: the offset of the next message to read there.
///
/// As everywhere in Kafka, a committed offset is that of the first message not yet processed: the last one plus 1.
public struct PartitionOffset: Hashable, Sendable, CustomStringConvertible {
    /// The oldest message that is still there.
    public static let beginning: Int64 = -2
    /// Behind the newest message.
    public static let end: Int64 = -1
    /// Where the group has committed; `auto.offset.reset` decides if it never has.
    public static let stored: Int64 = -1000
    /// No offset: nothing committed, or no message read yet.
    public static let none: Int64 = -1001

    /// The partition.
    public let partition: TopicPartition
    /// The offset, or one of the logical offsets above.
    public let offset: Int64

    /// A place in a partition.
    public init(_ partition: TopicPartition, offset: Int64) {
        self.partition = partition
        self.offset = offset
    }

    /// A place in a partition.
    public init(topic: String, partition: Int32, offset: Int64) {
        self.init(TopicPartition(topic: topic, partition: partition), offset: offset)
    }

    /// `topic[partition]@offset`.
    public var description: String { "\(partition)@\(offset)" }
}
