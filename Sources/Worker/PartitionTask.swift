import Customers
import Kafka

/// One assigned partition: its customers, and how far they have been brought.
final class PartitionTask {
    let partition: TopicPartition
    var table = CustomerTable()
    /// Offset of the first message to publish a prediction for; those before only rebuild state.
    let liveFrom: Int64
    /// Offset behind the last message processed.
    private(set) var next: Int64
    /// Live messages processed since the last commit.
    private(set) var uncommitted = 0
    /// Offset at which reading began.
    let start: Int64

    init(partition: TopicPartition, start: Int64, liveFrom: Int64) {
        self.partition = partition
        self.start = start
        self.liveFrom = liveFrom
        next = start
    }

    var isRestoring: Bool { next < liveFrom }

    func processed(_ offset: Int64) {
        next = offset + 1
        if offset >= liveFrom { uncommitted += 1 }
    }

    /// - Returns: how many live messages the commit covered.
    func committed() -> Int {
        defer { uncommitted = 0 }
        return uncommitted
    }
}
