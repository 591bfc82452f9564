import Events
import Foundation
import Kafka
import Logging
import Synchronization

/// Watches beside the stream whether Kafka answers, and whether the worker's topics are what they were at its start.
///
/// The stream's own clients reconnect by themselves and say little while they try. This one asks every two seconds about each
/// topic, on a thread and with a client of its own, so that silence is noticed within seconds even where nothing is to be
/// read or written.
final class ClusterWatch: Sendable {
    private static let pause = Duration.seconds(2)
    private static let timeoutMilliseconds = 4000

    private let settings: WorkerSettings
    private let logger: Logger
    private let health: Mutex<ClusterHealth>
    private let errors = Mutex<[ConnectionProblem.Cause: Int]>([:])
    private let clientErrors = Mutex(RateLimit(pause: .seconds(30)))

    init(_ settings: WorkerSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
        health = Mutex(ClusterHealth(input: settings.inputTopic))
    }

    /// How things stand.
    var status: WorkerStatus.Kafka {
        let errors = errors.withLock { $0 }
        return health.withLock { health in
            WorkerStatus.Kafka(
                outage: health.outage.map {
                    WorkerStatus.Kafka.Outage(
                        since: $0.since, seconds: (ContinuousClock.now - $0.begun) / .seconds(1), reason: $0.reason)
                }, partitionsAdded: health.partitionsAdded, errors: errors)
        }
    }

    /// Whether Kafka does not answer at the moment.
    var isAway: Bool { health.withLock { $0.outage != nil } }

    /// Whether Kafka was away within the last minute, or is: what brokers then say of old clients is no news.
    var wasAwayLately: Bool {
        health.withLock { health in
            health.outage != nil || health.lastOutageEnd.map { ContinuousClock.now - $0 < .seconds(60) } ?? false
        }
    }

    /// A state was begun when the input had so many partitions, perhaps before this worker started.
    func stateBegan(partitions: Int) {
        for case .partitionsAdded(let now, let before) in health.withLock({ $0.stateBegan(partitions: partitions) }) {
            sayAdded(now: now, before: before)
        }
    }

    /// Takes what one of the stream's clients reports. Called on any thread.
    func note(_ error: KafkaError) {
        if let problem = error.problem { errors.withLock { $0[problem.cause, default: 0] += 1 } }
        // What passes by itself is told by the watch once it lasts.
        guard error.remedy != .retry || error.problem != nil, !isAway else { return }
        clientErrors.withLock { limit in
            limit.run { suppressed in
                logger.warning(
                    "kafka client", metadata: ThreadReporter.counting(suppressed, ["error": "\(error)"]))
            }
        }
    }

    /// Asks now and then until it is told to stop.
    /// - Throws: `WorkerError` when a topic has gone, or Kafka has been away longer than it may.
    func run(isStopped: () -> Bool) throws {
        let admin = try Admin(properties: settings.kafkaProperties.client)
        defer { admin.close() }
        // It goes on while the threads come to their end: they ask whether Kafka is there.
        while !isStopped() {
            let asked = (ContinuousClock.now, Date())
            let changes: [ClusterHealth.Change]
            do throws(KafkaError) {
                let counts = try ask(admin)
                changes = health.withLock { $0.answered(counts, at: .now) }
            } catch {
                changes = health.withLock { $0.unanswered(error, asked: asked.0, at: asked.1) }
            }
            for change in changes { try say(change) }
            try checkOutage()
            let next = ContinuousClock.now + Self.pause
            while ContinuousClock.now < next, !isStopped() { Thread.sleep(forTimeInterval: 0.1) }
        }
    }

    private func ask(_ admin: Admin) throws(KafkaError) -> [String: Int?] {
        var counts: [String: Int?] = [:]
        for topic in settings.topics {
            do throws(KafkaError) {
                counts.updateValue(
                    try admin.partitionCount(of: topic, timeoutMilliseconds: Self.timeoutMilliseconds), forKey: topic)
            } catch {
                // Anything else is an answer, about this topic: such as that this user may not see it any more.
                if error.isNoAnswer { throw error }
                note(error)
            }
        }
        return counts
    }

    private func say(_ change: ClusterHealth.Change) throws(WorkerError) {
        switch change {
        case .away(let outage):
            logger.error(
                "Kafka is away; nothing is lost, and the worker goes on by itself once it answers",
                metadata: ["since": "\(Self.time(outage.since))", "reason": "\(outage.reason)"])
        case .back(let seconds):
            logger.notice("Kafka is back", metadata: ["after": "\(Self.duration(seconds))"])
        case .partitionsAdded(let now, let before): sayAdded(now: now, before: before)
        case .topicGone(let topic):
            throw WorkerError(
                "topic \(topic) does not exist any more: it has been deleted. Nothing that was committed is lost; create the "
                    + "topic anew, with its former number of partitions, and start the worker again")
        }
    }

    private func sayAdded(now: Int, before: Int) {
        logger.error(
            """
            the input has more partitions than when its states were begun: keys are dealt out anew, and customers' states do \
            not follow them by themselves; see the README on more partitions
            """,
            metadata: [
                "topic": "\(settings.inputTopic)", "partitions": .stringConvertible(now),
                "before": .stringConvertible(before),
            ])
    }

    private func checkOutage() throws(WorkerError) {
        guard settings.maxOutageMilliseconds > 0, let outage = health.withLock({ $0.outage }),
            ContinuousClock.now - outage.begun > .milliseconds(settings.maxOutageMilliseconds)
        else { return }
        throw WorkerError(
            "Kafka has been away since \(Self.time(outage.since)), longer than kafka.max_outage: \(outage.reason). Nothing is "
                + "lost: what was not committed is processed again. Start the worker again once Kafka answers")
    }

    /// A moment in UTC, to the second.
    static func time(_ date: Date) -> String { EventTime.text(Int64(date.timeIntervalSince1970) * 1000) }

    /// Such as `3 min 20 s`.
    static func duration(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded())
        return whole < 60 ? "\(whole) s" : "\(whole / 60) min \(whole % 60) s"
    }
}
