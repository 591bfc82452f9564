/// A place in a partition: the offset of the next message to read there.
///
/// As everywhere in Kafka, a committed offset is that of the first message not yet processed: the last one plus 1.
package struct PartitionOffset: Hashable, Sendable, CustomStringConvertible {
    /// The oldest message that is still there.
    package static let beginning: Int64 = -2
    /// The offset after the newest message.
    package static let end: Int64 = -1
    /// No offset: nothing committed, or no message read yet.
    package static let none: Int64 = -1001

    /// The partition.
    package let partition: TopicPartition
    /// The offset, or one of the logical offsets above.
    package let offset: Int64
    /// What stands beside a committed offset: a note of the group's own, which is committed with it. At most 4096 bytes, unless the
    /// broker is told otherwise (`offset.metadata.max.bytes`).
    package let note: String

    /// A place in a partition.
    package init(_ partition: TopicPartition, offset: Int64, note: String = "") {
        self.partition = partition
        self.offset = offset
        self.note = note
    }

    /// A place in a partition.
    package init(topic: String, partition: Int32, offset: Int64) {
        self.init(TopicPartition(topic: topic, partition: partition), offset: offset)
    }

    /// `topic[partition]@offset`.
    package var description: String { "\(partition)@\(offset)" }
}
