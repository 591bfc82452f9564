import Foundation
import Kafka

/// How predictions, dead letters and the input offsets that they came from are made to last.
protocol CommitCycle: AnyObject {
    /// To be called before anything is produced since the last commit.
    func begin() throws(KafkaError)

    /// Makes everything since `begin` and these offsets last.
    /// - Throws: with the remedy `.retry`, nothing has been decided: go on and call again later.
    func commit(_ offsets: [PartitionOffset], of consumer: Consumer, timeoutMilliseconds: Int) throws(KafkaError)

    /// Whether there is a commit that is not waited for.
    var commitsInPassing: Bool { get }

    /// Commits without waiting, for a stream that goes on meanwhile.
    /// - Returns: `nil` where that cannot be, or not now.
    func beginCommit(_ offsets: [PartitionOffset], of consumer: Consumer) throws(KafkaError) -> PendingCommit?

    /// Gives up what was produced since the last commit, where that is possible.
    /// - Parameter timeoutMilliseconds: how long to wait for that.
    /// - Returns: whether it was: then those events have to be processed anew.
    func abort(timeoutMilliseconds: Int) throws(KafkaError) -> Bool
}

/// Commits the offsets once everything is delivered: a crash between the two repeats predictions.
final class AtLeastOnce: CommitCycle {
    private let producer: Producer

    init(producer: Producer) { self.producer = producer }

    func begin() {}

    func commit(_ offsets: [PartitionOffset], of consumer: Consumer, timeoutMilliseconds: Int) throws(KafkaError) {
        try producer.flush(timeoutMilliseconds: timeoutMilliseconds)
        try consumer.commit(offsets, timeoutMilliseconds: timeoutMilliseconds)
    }

    var commitsInPassing: Bool { true }

    /// Only when everything is delivered; a moment without anything under way comes by itself unless a stream is busy.
    func beginCommit(_ offsets: [PartitionOffset], of consumer: Consumer) throws(KafkaError) -> PendingCommit? {
        guard producer.outstanding == 0 else { return nil }
        // Says what could not be delivered.
        try producer.flush(timeoutMilliseconds: 0)
        return try consumer.commitAsync(offsets)
    }

    func abort(timeoutMilliseconds: Int) -> Bool { false }
}

/// Kafka's transactions: what was produced and the offsets become visible together or not at all. The offsets carry the
/// group's metadata, so that a member which has lost its partitions without knowing is refused.
final class ExactlyOnce: CommitCycle {
    private let producer: Producer
    private var isOpen = false

    /// Fences an earlier producer of the same transactional identity, and finishes what it left open.
    init(producer: Producer, timeoutMilliseconds: Int) throws(KafkaError) {
        self.producer = producer
        try producer.initTransactions(timeoutMilliseconds: timeoutMilliseconds)
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
            try producer.commitTransaction(timeoutMilliseconds: timeoutMilliseconds)
        }
        isOpen = false
    }

    /// A transaction's end is waited for.
    var commitsInPassing: Bool { false }

    func beginCommit(_ offsets: [PartitionOffset], of consumer: Consumer) -> PendingCommit? { nil }

    func abort(timeoutMilliseconds: Int) throws(KafkaError) -> Bool {
        guard isOpen else { return true }
        try untilDecided(timeoutMilliseconds) { () throws(KafkaError) in
            try producer.abortTransaction(timeoutMilliseconds: min(10_000, timeoutMilliseconds))
        }
        isOpen = false
        return true
    }

    private func untilDecided(_ timeoutMilliseconds: Int, _ body: () throws(KafkaError) -> Void) throws(KafkaError) {
        let deadline = ContinuousClock.now + .milliseconds(timeoutMilliseconds)
        while true {
            do {
                return try body()
            } catch {
                guard error.remedy == .retry else { throw error }
                if ContinuousClock.now > deadline {
                    // Neither committed nor aborted as far as is known: only a new producer can settle it.
                    throw error.abandoned
                }
                Thread.sleep(forTimeInterval: 0.1)
            }
        }
    }
}
