import Foundation
import Kafka

/// How output records and the input offsets that they came from are committed.
protocol CommitProtocol: AnyObject {
    /// Must be called before anything is produced since the last commit; calling it again does nothing.
    func begin() throws(KafkaError)

    /// Commits everything since `begin` and these offsets, and waits for it.
    /// - Throws: with the remedy `.retry`, nothing has been decided: go on and call again later.
    func commit(_ offsets: [PartitionOffset], of consumer: Consumer, timeoutMilliseconds: Int) throws(KafkaError)

    /// Whether there is a commit that is not waited for.
    var supportsAsyncCommit: Bool { get }

    /// Commits without waiting.
    /// - Returns: `nil` where that is not possible, or not now.
    func commitAsync(_ offsets: [PartitionOffset], of consumer: Consumer) throws(KafkaError) -> PendingCommit?

    /// Whether `abort` takes back what was produced.
    var supportsAbort: Bool { get }

    /// Aborts what was produced since the last commit.
    /// - Parameter timeoutMilliseconds: how long to wait for that.
    func abort(timeoutMilliseconds: Int) throws(KafkaError)
}

/// Commits the offsets once everything is delivered: a crash between the two repeats predictions.
final class AtLeastOnce: CommitProtocol {
    private let producer: Producer
    private let isHopeless: () -> Bool

    /// - Parameter isHopeless: whether nobody waits for Kafka any more; asked every second.
    init(producer: Producer, isHopeless: @escaping () -> Bool = { false }) {
        self.producer = producer
        self.isHopeless = isHopeless
    }

    func begin() {}

    func commit(_ offsets: [PartitionOffset], of consumer: Consumer, timeoutMilliseconds: Int) throws(KafkaError) {
        let deadline = ContinuousClock.now + .milliseconds(timeoutMilliseconds)
        while true {
            let left = Int((deadline - .now) / .milliseconds(1))
            do throws(KafkaError) {
                try producer.flush(timeoutMilliseconds: max(0, min(left, 1000)))
                break
            } catch {
                guard error.isTimeout, left > 1000, !isHopeless() else { throw error }
            }
        }
        try consumer.commit(offsets, timeoutMilliseconds: timeoutMilliseconds)
    }

    var supportsAsyncCommit: Bool { true }

    /// Only when everything is delivered; unless the stream is busy such a moment comes by itself.
    func commitAsync(_ offsets: [PartitionOffset], of consumer: Consumer) throws(KafkaError) -> PendingCommit? {
        guard producer.outstanding == 0 else { return nil }
        // Throws what could not be delivered.
        try producer.flush(timeoutMilliseconds: 0)
        return try consumer.commitAsync(offsets)
    }

    var supportsAbort: Bool { false }

    func abort(timeoutMilliseconds: Int) {}
}

/// Kafka's transactions: output records and offsets become visible together or not at all. The offsets carry the group's
/// metadata, so that a member that has lost its partitions without knowing is refused.
final class ExactlyOnce: CommitProtocol {
    private let producer: Producer
    private let isHopeless: () -> Bool
    private var isOpen = false

    /// Fences an earlier producer of the same transactional identity, and finishes what it left open.
    /// - Parameters:
    ///   - isCancelled: whether nobody waits for that any more; asked every second.
    ///   - isHopeless: the same of a commit or an abort, which are cut short only when Kafka is away too.
    init(
        producer: Producer, timeoutMilliseconds: Int, isCancelled: @escaping () -> Bool = { false },
        isHopeless: @escaping () -> Bool = { false }
    ) throws(KafkaError) {
        self.producer = producer
        self.isHopeless = isHopeless
        let retry = Retry(timeoutMilliseconds: timeoutMilliseconds, isCancelled: isCancelled)
        try retry { remaining throws(KafkaError) in
            try producer.initTransactions(timeoutMilliseconds: min(remaining, 1000))
        }
    }

    func begin() throws(KafkaError) {
        if isOpen { return }
        try producer.beginTransaction()
        isOpen = true
    }

    func commit(_ offsets: [PartitionOffset], of consumer: Consumer, timeoutMilliseconds: Int) throws(KafkaError) {
        try begin()
        try producer.sendOffsets(offsets, groupOf: consumer, timeoutMilliseconds: timeoutMilliseconds)
        // Once begun, a commit can only be waited for.
        try untilDecided(timeoutMilliseconds) { () throws(KafkaError) in
            try producer.commitTransaction(timeoutMilliseconds: min(1000, timeoutMilliseconds))
        }
        isOpen = false
    }

    var supportsAsyncCommit: Bool { false }

    func commitAsync(_ offsets: [PartitionOffset], of consumer: Consumer) -> PendingCommit? { nil }

    var supportsAbort: Bool { true }

    func abort(timeoutMilliseconds: Int) throws(KafkaError) {
        guard isOpen else { return }
        try untilDecided(timeoutMilliseconds) { () throws(KafkaError) in
            try producer.abortTransaction(timeoutMilliseconds: min(1000, timeoutMilliseconds))
        }
        isOpen = false
    }

    private func untilDecided(_ timeoutMilliseconds: Int, _ body: () throws(KafkaError) -> Void) throws(KafkaError) {
        let retry = Retry(timeoutMilliseconds: timeoutMilliseconds, isCancelled: isHopeless)
        do {
            try retry { _ throws(KafkaError) in try body() }
        } catch {
            // Neither committed nor aborted as far as is known: only a new producer can settle it.
            throw error.remedy == .retry ? error.abandoned : error
        }
    }
}
