import Events
import Kafka
import Synchronization

/// Watches whether messages come to the partition where their customer's state is. Owned by one thread.
///
/// All of a customer's messages must be in one partition, or each partition knows a part of the customer. Kafka sees to that
/// where the producer's key is the customer and all producers use one partitioner. What is found is counted and said; it
/// changes nothing of what is published.
final class PlacementCheck {
    /// Of a partition's keys, how many only the one partitioner puts there.
    private struct Partitioners {
        var murmur2 = 0
        var consistent = 0
    }

    /// One of so many customers is followed. A power of two.
    private static let sampledOneOf: UInt64 = 16
    /// A partitioner that has put so many keys into a partition was no accident.
    private static let enough = 20

    private let partitionCount: Int
    private let seen: CustomerPlacements
    private let counters: WorkerCounters
    private let reporter: ThreadReporter
    private var partitioners: [Int32: Partitioners] = [:]

    /// - Parameters:
    ///   - partitionCount: of the input topic.
    ///   - seen: shared by the worker's threads.
    init(partitionCount: Int, seen: CustomerPlacements, counters: WorkerCounters, reporter: ThreadReporter) {
        self.partitionCount = partitionCount
        self.seen = seen
        self.counters = counters
        self.reporter = reporter
    }

    /// Looks at a live message of a customer.
    /// - Complexity: O(bytes of the key).
    @inline(__always)
    func check(
        key: UnsafeRawBufferPointer?, customerID: UnsafeRawBufferPointer, customerHash: UInt64, partition: Int32
    ) {
        guard partitionCount > 1 else { return }
        if let key, key.hasSameBytes(as: customerID) {
            if customerHash & (Self.sampledOneOf - 1) != 0 { return }
        } else {
            noteOther(key, partition)
            if customerHash & (Self.sampledOneOf - 1) != 0 { return }
        }
        follow(key, customerID, customerHash, partition)
    }

    private func noteOther(_ key: UnsafeRawBufferPointer?, _ partition: Int32) {
        if let key, !key.isEmpty {
            counters.foreignKeys.add(1, ordering: .relaxed)
            reporter.placement(
                "a message's key is not its customer: that is right only if all of a customer's messages have keys of one "
                    + "partition", partition, ["key": "\(Self.text(key))"])
        } else {
            counters.keyless.add(1, ordering: .relaxed)
            reporter.placement(
                "a message has no key, so Kafka puts its customer's messages into any partition: have the producer send the "
                    + "customer as the key", partition, [:])
        }
    }

    @inline(never)
    private func follow(
        _ key: UnsafeRawBufferPointer?, _ customerID: UnsafeRawBufferPointer, _ customerHash: UInt64, _ partition: Int32
    ) {
        if let other = seen.note(customerHash, in: partition) {
            counters.misplacedCustomers.add(1, ordering: .relaxed)
            reporter.placement(
                "a customer's messages are in two partitions, each of which knows a part of the customer: send them with one "
                    + "key and one partitioner", partition,
                ["customer": "\(Self.text(customerID))", "other_partition": "\(other)"])
        }
        guard let key, !key.isEmpty else { return }
        let isMurmur2 = Murmur2Partitioner.partition(of: Array(key), count: partitionCount) == partition
        let isConsistent = ConsistentPartitioner.partition(of: key, count: partitionCount) == partition
        guard isMurmur2 != isConsistent else { return }
        partitioners[partition, default: Partitioners()].murmur2 += isMurmur2 ? 1 : 0
        partitioners[partition, default: Partitioners()].consistent += isConsistent ? 1 : 0
        guard let found = partitioners[partition], min(found.murmur2, found.consistent) >= Self.enough else { return }
        reporter.placement(
            "two partitioners write to the topic, Java's (murmur2) and librdkafka's (CRC-32), so that customers have messages "
                + "in two partitions: set partitioner=murmur2_random in librdkafka's producers", partition, [:])
        partitioners[partition] = Partitioners()
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.prefix(60), as: UTF8.self)
    }
}

/// In which partition customers have been seen, for all threads of a worker.
final class CustomerPlacements: Sendable {
    private static let limit = 1 << 16
    private let partitions = Mutex<[UInt64: Int32]>([:])

    /// Notes a customer's message.
    /// - Returns: another partition in which the customer was seen before; `nil` where there is none.
    func note(_ customerHash: UInt64, in partition: Int32) -> Int32? {
        partitions.withLock { partitions in
            if let known = partitions[customerHash] {
                guard known >= 0, known != partition else { return nil }
                // Each customer is told of once.
                partitions[customerHash] = -1
                return known
            }
            if partitions.count >= Self.limit { partitions.removeAll(keepingCapacity: true) }
            partitions[customerHash] = partition
            return nil
        }
    }
}
