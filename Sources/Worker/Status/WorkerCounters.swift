import Synchronization

/// What a worker has done so far. Threads add once a batch; anybody may read. What is processed anew after an aborted
/// transaction counts anew; `committed` does not.
package final class WorkerCounters: Sendable {
    let received = Atomic<Int>(0)
    let scored = Atomic<Int>(0)
    let anonymous = Atomic<Int>(0)
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
        /// Predictions handed to the producer.
        package let scored: Int
        /// Events without a customer.
        package let anonymous: Int
        /// Messages that are no customer event.
        package let rejected: Int
        /// Messages read again to rebuild state.
        package let restored: Int
        /// Live messages whose offsets are committed.
        package let committed: Int
        /// Customers in memory.
        package let customers: Int
        /// Partitions assigned, and how many of them are still rebuilding their state.
        package let partitions: Int
        package let restoring: Int
        /// Checkpoints taken, and those that failed.
        package let checkpoints: Int
        package let checkpointFailures: Int
        /// Commits of offsets, and what was given up and done anew instead.
        package let commits: Int
        package let transactionsAborted: Int
        /// Labels of predictions that became known: bought again within the horizon, or not.
        package let bought: Int
        package let notBought: Int
    }

    /// The counters now.
    package var snapshot: Snapshot {
        let gauges = gauges.map(\.latest)
        return Snapshot(
            received: received.load(ordering: .relaxed), scored: scored.load(ordering: .relaxed),
            anonymous: anonymous.load(ordering: .relaxed), rejected: rejected.load(ordering: .relaxed),
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
