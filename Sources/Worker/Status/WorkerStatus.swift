import Customers
import Ensemble
import Events
import Foundation
import Kafka
import Monitoring
import Scoring

/// A worker at one moment, as the control plane sees it: at most about a second old, and immutable.
package struct WorkerStatus: Sendable {
    /// An assigned partition.
    package struct Partition: Sendable {
        /// What becomes of its messages.
        package enum Phase: String, Sendable, Encodable {
            /// Its checkpoint is being read, and its messages wait.
            case loading
            /// The log is being read up to the committed offset, and nothing is published.
            case rebuilding
            /// Its messages are scored and published.
            case live
            /// Its messages wait for a schema that the registry is being asked for.
            case awaitingSchema = "awaiting_schema"
        }

        /// The input topic.
        package let topic: String
        /// The partition's number.
        package let partition: Int32
        /// The number of the thread that owns it.
        package let thread: Int
        /// What becomes of its messages.
        package let phase: Phase
        /// Of what has to be read before it is live, the share that has been; 0...1.
        package let restored: Double
        /// Offset of the next message to process.
        package let position: Int64
        /// Offset behind the last message in the log, as far as is known.
        package let logEnd: Int64
        /// Messages still to be processed of those that are known of.
        var knownLag: Int64 { max(0, logEnd - position) }
        /// Customers in memory.
        package let customers: Int
        /// Memory of the customers' states, bytes.
        package let stateBytes: Int
        /// What that memory is expected to come to, bytes.
        package let expectedStateBytes: Int
        /// Whether events are known to be missing from the state.
        package let isIncomplete: Bool
        /// Event time that the partition has come to, milliseconds; 0 at first.
        package let clock: Int64
    }

    /// How Kafka and the worker's topics stand.
    package struct Kafka: Sendable {
        /// Kafka does not answer.
        package struct Outage: Sendable {
            /// Since when.
            package let since: Date
            /// For how long, seconds.
            package let seconds: Double
            /// Why, as far as its client knows, and what to check.
            package let reason: String
        }

        /// `nil` while Kafka answers.
        package var outage: Outage?
        /// Partitions that the input topic has got since its states were begun.
        package var partitionsAdded = 0
        /// How often clients were without a connection, by cause.
        package var errors: [ConnectionProblem.Cause: Int] = [:]

        /// All is well.
        package init() {}

        init(outage: Outage?, partitionsAdded: Int, errors: [ConnectionProblem.Cause: Int]) {
            self.outage = outage
            self.partitionsAdded = partitionsAdded
            self.errors = errors
        }
    }

    /// The model in service, and those beside it.
    package struct Model: Sendable {
        /// Another one that is to be served and is not.
        package struct Refused: Sendable {
            /// Since when.
            package let since: Date
            /// Why, and what to do about it.
            package let reason: String
        }

        /// The artifact's version.
        package var version: String
        /// Since when this worker serves it.
        package var since: Date
        /// How often another one was served since the start.
        package var changes = 0
        /// How often another one was refused.
        package var refusals = 0
        /// The models that score beside it.
        package var roles = ModelRoles()
        /// The last one that was refused; `nil` while what is served is what is to be served.
        package var refused: Refused?
    }

    /// How the consumers of a worker stand to their group.
    package enum Membership: String, Sendable {
        /// One of them at least is not a member yet, or not any more.
        case joining
        /// All of them are members, with partitions or without.
        case member
    }

    /// What the worker has done since the start.
    package var counters: WorkerCounters.Snapshot
    /// Seconds since the worker was started.
    package var uptimeSeconds: Double
    /// The partitions assigned to the worker.
    package var partitions: [Partition]
    /// How its consumers stand to their group.
    package var membership: Membership
    /// How Kafka stands.
    package var kafka = Kafka()
    /// Which model is served.
    package var model: Model
    /// Served probabilities since the start, in twenty bins of equal width.
    package var scores: [Int]
    /// From the source message's timestamp to the prediction's being handed to Kafka; seconds.
    package var endToEnd: Histogram
    /// Of that, what is not older than `recentSeconds`.
    package var recentEndToEnd: Histogram
    /// How far back `recentEndToEnd` looks, seconds.
    package var recentSeconds: Double
    /// Whether states in memory are what the log says.
    package var audit = FeatureAudit.Status()
    /// Figures of the predictions whose labels have become known.
    package var grades: OnlineEvaluation
    /// How the latest rows compare with what the model learned from.
    package var drift: DriftReport

    /// A worker is ready for so long after Kafka has ceased to answer, seconds.
    package static let toleratedOutageSeconds = 10.0

    /// Member of the group, everything that is assigned is live, and Kafka answers. A member without partitions stands by, and
    /// is ready.
    package var isReady: Bool {
        membership == .member && partitions.allSatisfy { $0.phase == .live }
            && (kafka.outage?.seconds ?? 0) < Self.toleratedOutageSeconds
    }

    /// Event time from the end of a model's training period to the latest partition's clock, seconds; `nil` before any event.
    func modelAge(trainedUntil: String) -> Double? {
        guard let end = EventTime.parse(trainedUntil), let clock = partitions.map(\.clock).max(), clock > 0 else {
            return nil
        }
        return Double(max(clock - end, 0)) / 1000
    }

    /// Messages of a partition that are still to be processed; `nil` while nobody can tell.
    package func lag(of partition: Partition) -> Int64? { kafka.outage == nil ? partition.knownLag : nil }
}

/// A customer as the thread that owns their partition found them: a copy.
package struct CustomerReport: Sendable {
    /// The customer's identifier.
    package let customerID: String
    /// The input topic.
    package let topic: String
    /// The partition that their events are in.
    package let partition: Int32
    /// Their state.
    package let state: CustomerState
    /// False when events are known to be missing from the state.
    package let isStateComplete: Bool
    /// Offset behind the last message that has been taken in.
    package let position: Int64
    /// From this offset on messages were understood as they are now.
    package let decoderStartOffset: Int64
    /// Event time that the partition has come to, milliseconds; 0 for a state of the past, which is of its own time.
    package var partitionClock: Int64 = 0
}

/// Customers by their probability as of their partition's clock, the highest first.
package struct Ranking: Sendable {
    /// One customer.
    package struct Entry: Sendable {
        /// The customer's identifier.
        package let customerID: String
        /// The partition that their events are in.
        package let partition: Int32
        /// As of the partition's clock, or of their own where that is later.
        package let probability: Double
        /// Event time of their latest event, milliseconds.
        package let time: Int64
    }

    /// The best of them, in order.
    package let entries: [Entry]
    /// Customers that were ranked.
    package let customers: Int
    /// Partitions whose customers are not among them, because their state is being restored.
    package let restoringPartitions: [Int32]
}

/// Where a customer is whom this worker does not know.
package enum CustomerPlace: Sendable, Equatable {
    /// Their partition is assigned here: there is no such customer.
    case here(partition: Int32)
    /// Their partition is assigned here and its state is being restored: whether there is such a customer is not known yet.
    case restoring(partition: Int32)
    /// Their partition is assigned to another member of the group; `owner` is its client's identifier and host, where
    /// Kafka tells.
    case elsewhere(partition: Int32, owner: String?)
    /// Their partition is assigned to no member of the group at the moment.
    case nobody(partition: Int32)
}

/// What the control plane may ask of a running worker. Threads answer between two batches, from their own state.
package protocol LiveWorker: Sendable {
    var status: WorkerStatus { get }
    /// The model that it scores with at the moment.
    var artifact: ModelArtifact { get }
    /// The models that score beside it.
    var companions: [CompanionModel] { get }
    /// How often that has changed.
    var modelGeneration: Int { get }
    /// Has it look for another model now.
    /// - Throws: `QueryError`.
    func reloadModel() async throws -> ModelWatch.Outcome
    /// The artifacts at hand, the latest written first. Reads their manifests from disk.
    func modelVersions() async -> [ModelVersion]
    /// The latest comparison of another model with the one in service then; `nil` before there was one.
    var modelComparison: ModelComparison? { get }
    /// What a version would change.
    /// - Throws: `QueryError`.
    func compareModel(_ version: String) async throws -> ModelComparison
    /// Puts a version in service, for all workers of its directory.
    /// - Parameter hasConsent: whether changes beyond the limits are consented to.
    /// - Throws: `QueryError`.
    func promoteModel(_ version: String, hasConsent: Bool) async throws -> ModelWatch.Outcome
    /// Puts the version in service that was before.
    /// - Throws: `QueryError`.
    func rollBackModel() async throws -> ModelWatch.Outcome
    /// - Returns: `nil` when no partition assigned here knows the customer.
    /// - Throws: `QueryError`.
    func customer(_ customerID: String) async throws -> CustomerReport?
    /// A customer as they stood at an earlier time, computed from the log.
    /// - Parameters:
    ///   - report: how they stand now.
    ///   - time: milliseconds.
    /// - Returns: `nil` when there was no event of theirs up to then, or they were forgotten by then.
    /// - Throws: `QueryError`.
    func customer(_ report: CustomerReport, at time: Int64) async throws -> CustomerReport?
    /// - Throws: `QueryError`.
    func ranking(top: Int) async throws -> Ranking
    /// Where a customer's messages are, by their key and Kafka's own partitioner (murmur2).
    func place(of customerID: String) async throws -> CustomerPlace
}

/// Why a query got no answer.
package enum QueryError: Error, Sendable, Equatable {
    /// A thread did not get to it in time.
    case timeout
    /// The worker is stopping or has not started.
    case notRunning
    /// Another point-in-time query is being answered.
    case busy
    /// The log could not be read again, and why; perhaps later.
    case unreadable(String)
    /// The log does not tell what was asked, and why.
    case notInLog(String)
    /// Too many questions about models wait already.
    case busyWithModels
    /// There is no such model, or it cannot be held against the one in service, and why.
    case noModel(String)
}
