import Foundation
import Kafka

/// What is known of Kafka and of the worker's topics, and what has changed in it. It asks nobody itself.
struct ClusterHealth {
    /// Kafka has not answered since a moment.
    struct Outage: Equatable, Sendable {
        /// When the first question was asked that had no answer.
        let since: Date
        /// The same moment, for durations.
        let begun: ContinuousClock.Instant
        /// Why, as far as the client knows.
        var reason: String
        /// The same in a word, for metrics.
        var cause: ConnectionProblem.Cause
    }

    /// What is worth saying.
    enum Change: Equatable {
        case away(Outage)
        /// After how long, seconds.
        case back(seconds: Double)
        /// The input has more partitions than when the worker started, or its states were begun.
        case partitionsAdded(now: Int, before: Int)
        case topicGone(String)
    }

    /// So many rounds in a row must miss a topic: a broker that has just started may not know it yet.
    private static let roundsUntilGone = 3
    /// A broker that is only slow answers the next question.
    private static let silencesUntilAway = 2

    private let input: String
    private(set) var outage: Outage?
    private(set) var lastOutageEnd: ContinuousClock.Instant?
    /// Of the input: when it was first counted or states were begun, and the most since.
    private var partitions: (atStart: Int, now: Int)?
    /// Questions in a row without an answer.
    private var silences = 0
    /// By topic, how many rounds have missed it.
    private var missed: [String: Int] = [:]

    /// - Parameter input: the topic whose partitions are counted.
    init(input: String) { self.input = input }

    /// Partitions that have come to the input since the start, or since the states were begun.
    var partitionsAdded: Int { partitions.map { $0.now - $0.atStart } ?? 0 }

    /// Kafka has answered.
    /// - Parameter counts: by topic, how many partitions it has; `nil` where there is no such topic.
    mutating func answered(_ counts: [String: Int?], at now: ContinuousClock.Instant) -> [Change] {
        var changes: [Change] = []
        silences = 0
        if let outage {
            self.outage = nil
            lastOutageEnd = now
            changes.append(.back(seconds: (now - outage.begun) / .seconds(1)))
        }
        for (topic, count) in counts.sorted(by: { $0.key < $1.key }) {
            missed[topic] = count == nil ? missed[topic, default: 0] + 1 : 0
            if missed[topic] == Self.roundsUntilGone { changes.append(.topicGone(topic)) }
        }
        if let count = counts[input] ?? nil {
            let known = partitions ?? (count, count)
            partitions = (known.atStart, max(known.now, count))
            if count > known.now { changes.append(.partitionsAdded(now: count, before: known.atStart)) }
        }
        return changes
    }

    /// A state was begun when the input had so many partitions, perhaps before this worker started.
    mutating func stateBegan(partitions count: Int) -> [Change] {
        guard let known = partitions, count < known.atStart else { return [] }
        partitions = (count, known.now)
        return [.partitionsAdded(now: known.now, before: count)]
    }

    /// Kafka has not answered.
    /// - Parameters:
    ///   - asked: when the question was put.
    ///   - date: the same moment.
    mutating func unanswered(_ error: KafkaError, asked: ContinuousClock.Instant, at date: Date) -> [Change] {
        let reason = error.problem.map { "\($0)" } ?? error.reason
        let cause = error.problem?.cause ?? .timeout
        silences += 1
        missed = [:]
        guard outage == nil else {
            outage?.reason = reason
            outage?.cause = cause
            return []
        }
        // Silence may be one broker's; a refusal is told by the client itself.
        guard silences >= Self.silencesUntilAway || error.problem?.cause == .refused else { return [] }
        let outage = Outage(since: date, begun: asked, reason: reason, cause: cause)
        self.outage = outage
        return [.away(outage)]
    }
}
