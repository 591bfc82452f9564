import Synchronization

/// What a worker has done so far. Threads add once a batch; anybody may read. Messages that are processed again after an
/// aborted transaction are counted again, except in `committed`.
package final class WorkerCounters: Sendable {
    let received = Atomic<Int>(0)
    let scored = Atomic<Int>(0)
    /// Of them, those of the schedule's instants are not: these are here.
    let rescored = Atomic<Int>(0)
    let anonymous = Atomic<Int>(0)
    /// Messages without a value.
    let tombstones = Atomic<Int>(0)
    /// Messages that are understood and say nothing that counts.
    let ignored = Atomic<Int>(0)
    let repeated = Atomic<Int>(0)
    let refused = Atomic<Int>(0)
    let keyless = Atomic<Int>(0)
    let foreignKeys = Atomic<Int>(0)
    let misplacedCustomers = Atomic<Int>(0)
    let rejected = Atomic<Int>(0)
    let restored = Atomic<Int>(0)
    let committed = Atomic<Int>(0)
    let checkpoints = Atomic<Int>(0)
    let checkpointFailures = Atomic<Int>(0)
    let commits = Atomic<Int>(0)
    let transactionsAborted = Atomic<Int>(0)
    let bought = Atomic<Int>(0)
    let notBought = Atomic<Int>(0)
    /// One a thread.
    let gauges: [ThreadGauges]

    /// Counters at 0.
    init(threads: Int) { gauges = (0..<threads).map { _ in ThreadGauges() } }

    /// The counters at one moment.
    package struct Snapshot: Sendable, Equatable {
        /// Live messages taken from the input topic.
        package let received: Int
        /// Predictions of events handed to the producer.
        package let scored: Int
        /// Predictions of the schedule's instants handed to the producer.
        package let rescored: Int
        /// Events without a customer.
        package let anonymous: Int
        /// Messages without a value.
        package let tombstones: Int
        /// Messages that are understood and say nothing that counts.
        package let ignored: Int
        /// Messages whose events all have been sent before.
        package let repeated: Int
        /// Predictions that their topic does not take.
        package let refused: Int
        /// Messages of customers that had no key.
        package let keyless: Int
        /// Messages whose key was not their customer.
        package let foreignKeys: Int
        /// Customers, of those that are followed, with messages in two partitions.
        package let misplacedCustomers: Int
        /// Messages that are no customer event.
        package let rejected: Int
        /// Messages read again to rebuild state.
        package let restored: Int
        /// Live messages whose offsets are committed.
        package let committed: Int
        /// Customers in memory.
        package let customers: Int
        /// Partitions assigned.
        package let partitions: Int
        /// Partitions whose state is still being rebuilt.
        package let restoring: Int
        /// Checkpoints taken.
        package let checkpoints: Int
        /// Checkpoints that failed.
        package let checkpointFailures: Int
        /// Commits of offsets.
        package let commits: Int
        /// Transactions aborted, whose messages were processed again.
        package let transactionsAborted: Int
        /// Predictions that turned out to be of customers who bought again within the horizon.
        package let bought: Int
        /// Predictions whose horizon passed without a purchase.
        package let notBought: Int
    }

    /// The counters now.
    package var snapshot: Snapshot {
        let gauges = gauges.map(\.latest)
        return Snapshot(
            received: received.load(ordering: .relaxed), scored: scored.load(ordering: .relaxed),
            rescored: rescored.load(ordering: .relaxed),
            anonymous: anonymous.load(ordering: .relaxed), tombstones: tombstones.load(ordering: .relaxed),
            ignored: ignored.load(ordering: .relaxed),
            repeated: repeated.load(ordering: .relaxed), refused: refused.load(ordering: .relaxed),
            keyless: keyless.load(ordering: .relaxed),
            foreignKeys: foreignKeys.load(ordering: .relaxed),
            misplacedCustomers: misplacedCustomers.load(ordering: .relaxed),
            rejected: rejected.load(ordering: .relaxed),
            restored: restored.load(ordering: .relaxed), committed: committed.load(ordering: .relaxed),
            customers: gauges.reduce(0) { $0 + $1.customers }, partitions: gauges.reduce(0) { $0 + $1.partitions },
            restoring: gauges.reduce(0) { $0 + $1.restoring }, checkpoints: checkpoints.load(ordering: .relaxed),
            checkpointFailures: checkpointFailures.load(ordering: .relaxed),
            commits: commits.load(ordering: .relaxed),
            transactionsAborted: transactionsAborted.load(ordering: .relaxed),
            bought: bought.load(ordering: .relaxed), notBought: notBought.load(ordering: .relaxed))
    }
}

/// A thread's gauges as it last computed them from its registry. Written by that thread alone.
final class ThreadGauges: Sendable {
    private let partitions = Atomic<Int>(0)
    private let restoring = Atomic<Int>(0)
    private let customers = Atomic<Int>(0)

    func publish(_ gauges: PartitionRegistry.Gauges) {
        partitions.store(gauges.partitions, ordering: .relaxed)
        restoring.store(gauges.restoring, ordering: .relaxed)
        customers.store(gauges.customers, ordering: .relaxed)
    }

    var latest: PartitionRegistry.Gauges {
        PartitionRegistry.Gauges(
            partitions: partitions.load(ordering: .relaxed), restoring: restoring.load(ordering: .relaxed),
            customers: customers.load(ordering: .relaxed))
    }
}
