import Dispatch
import Kafka
import Synchronization

/// Answers how a customer stood at an earlier time, by reading the partition's log again: a state only moves forward, so that
/// what has left a window cannot be had from it.
///
/// It takes in what the partition's thread has taken in, in the order of the log, except for the customer's events that are
/// later than that time. One query reads at a time, with a consumer of its own that is in no group; the stream goes on.
final class PointInTimeQuery: Sendable {
    /// Below the time that an HTTP request has by the standard settings, so that the answer says why it takes too long.
    private static let timeout = Duration.seconds(8)

    private let settings: WorkerSettings
    private let isReading = Atomic(false)
    private let queue = DispatchQueue(label: "point-in-time-query", qos: .utility)

    init(_ settings: WorkerSettings) { self.settings = settings }

    /// - Parameters:
    ///   - report: how the customer stands now.
    ///   - time: milliseconds.
    /// - Returns: `nil` when the customer had no event up to then, or was forgotten by then.
    /// - Throws: `QueryError` when another query is being answered, the log cannot be read, or does not reach back.
    /// - Complexity: O(messages of the partition); each is decoded.
    func customer(_ report: CustomerReport, at time: Int64) async throws -> CustomerReport? {
        guard isReading.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
        else {
            throw QueryError.busy
        }
        let deadline = ContinuousClock.now + Self.timeout
        return try await withCheckedThrowingContinuation { continuation in
            queue.async { [self] in
                let result = Result { try read(report, time, until: deadline) }
                isReading.store(false, ordering: .releasing)
                continuation.resume(with: result)
            }
        }
    }

    private func read(
        _ report: CustomerReport, _ time: Int64, until deadline: ContinuousClock.Instant
    ) throws(QueryError) -> CustomerReport? {
        let partition = TopicPartition(topic: report.topic, partition: report.partition)
        var reading = LogReading([report], until: time, settings)
        do {
            try LogReading.read(partition, into: &reading, settings, until: deadline)
        } catch {
            throw .unreadable("\(partition) cannot be read again: \(error)")
        }
        if let end = reading.earlyEnd {
            throw .unreadable(
                "\(partition) ends at offset \(end), and the state is of \(report.position): a replica that is behind, or "
                    + "another log")
        }
        guard reading.isDone else {
            throw .notInLog(
                "\(partition) is too long to be read again while you wait: of offsets \(reading.start) to \(report.position) "
                    + "it came to \(reading.next); `replay score` walks a history of any length")
        }
        let customer = reading.customer(report, at: time)
        if customer == nil, reading.start > 0 {
            throw .notInLog("\(partition) begins at offset \(reading.start), and what came before has been cut from it")
        }
        return customer
    }
}
