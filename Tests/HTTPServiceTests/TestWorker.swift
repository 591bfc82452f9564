import Customers
import Ensemble
import Events
import Foundation
import Scoring
import Synchronization
import TestSupport

@testable import Monitoring
@testable import Worker

/// A worker without Kafka: real events through the real decoder, tables, scorer, label join and drift window. Of its three
/// partitions two are assigned to it.
final class TestWorker: LiveWorker {
    static let owner = "worker-b/10.0.0.2"
    /// By customer of the assigned partitions, in order: events as messages, and the payloads that the stream would publish.
    let messages: [String: [[UInt8]]]
    let payloads: [String: [String]]
    let status: WorkerStatus
    private let tables: [CustomerTable]
    private let recentRows: RecentRows.Snapshot
    /// A directory of other models.
    let directory = Mutex<String?>(nil)
    private let kept = Mutex<ModelComparison?>(nil)
    let latest: [(customerID: String, partition: Int32, probability: Double, time: Int64)]
    private let failure = Mutex<QueryError?>(nil)
    private let models: Mutex<(artifact: ModelArtifact, generation: Int, refusal: String?, offer: String?)>

    init(artifact: ModelArtifact, customers: Int = 60, days: Int = 200, isReady: Bool = true) throws {
        models = Mutex((artifact, 0, nil, nil))
        var stream = TestStream(artifact: artifact)
        try stream.take(ShopGenerator(customers: customers, days: days, seed: 11))
        messages = stream.messages
        payloads = stream.payloads
        tables = stream.tables
        recentRows = stream.recentRows
        latest = stream.latest.map { ($0.key, $0.value.0, $0.value.1, $0.value.2) }
            .sorted { ($1.probability, $0.customerID) < ($0.probability, $1.customerID) }
        status = WorkerStatus(
            counters: WorkerCounters(threads: 1).snapshot, uptimeSeconds: 12.5,
            partitions: stream.tables.enumerated().map { place, table in
                let memory = table.estimatedMemory
                return WorkerStatus.Partition(
                    topic: "customer-events", partition: Int32(place), thread: 0,
                    phase: isReady || place == 0 ? .live : .rebuilding, restored: isReady || place == 0 ? 1 : 0.25,
                    position: stream.offset, logEnd: stream.offset + 7, customers: table.count,
                    stateBytes: memory.bytes, expectedStateBytes: memory.ceiling, isIncomplete: false,
                    clock: table.clock.time)
            },
            membership: .member,
            model: WorkerStatus.Model(version: artifact.manifest.version, since: Date(timeIntervalSince1970: 1e9)),
            scores: stream.scores, endToEnd: stream.endToEnd,
            recentEndToEnd: stream.endToEnd, recentSeconds: 12.5,
            grades: OnlineEvaluation(
                stream.labelJoins.map { $0.evaluationSnapshot }, bought: stream.bought, notBought: stream.notBought),
            drift: DriftReport([stream.driftSnapshot]))
    }

    static func partition(of hash: UInt64) -> Int { Int(hash >> 33) % 3 }

    /// Customers with the most events first.
    var busiest: [String] { messages.keys.sorted { (messages[$1]!.count, $0) < (messages[$0]!.count, $1) } }

    var artifact: ModelArtifact { models.withLock { $0.artifact } }
    let companionModels = Mutex<[CompanionModel]>([])
    var companions: [CompanionModel] { companionModels.withLock { $0 } }
    var modelGeneration: Int { models.withLock { $0.generation } }

    /// Another model is served from now on.
    func serve(_ artifact: ModelArtifact) {
        models.withLock { $0 = (artifact, $0.generation + 1, $0.refusal, $0.offer) }
    }

    /// A reload is refused from now on.
    func refuse(_ reason: String?) { models.withLock { $0.refusal = reason } }

    /// A reload finds this version from now on, or none.
    func offer(_ version: String?) { models.withLock { $0.offer = version } }

    func reloadModel() async throws -> ModelWatch.Outcome {
        try check()
        return models.withLock { models in
            let version = models.artifact.manifest.version
            if let offer = models.offer { return .served(version: offer) }
            return models.refusal.map { .refused(version: version, reason: $0) } ?? .unchanged(version: version)
        }
    }

    func modelVersions() async -> [ModelVersion] { directory.withLock { $0.map { ModelVersion.all(in: $0) } } ?? [] }

    var modelComparison: ModelComparison? { kept.withLock { $0 } }

    func compareModel(_ version: String) async throws -> ModelComparison {
        try check()
        do {
            let other = try ModelArtifact(path: "\(directory.withLock { $0 } ?? "nowhere")/\(version)")
            let comparison = ModelComparison(
                try BlastRadius(recentRows, from: artifact, to: other, PriorityThresholds()), BlastRadiusLimits())
            kept.withLock { $0 = comparison }
            return comparison
        } catch {
            throw QueryError.noModel("\(error)")
        }
    }

    func promoteModel(_ version: String, hasConsent: Bool) async throws -> ModelWatch.Outcome {
        if let refusal = try await compareModel(version).refusal, !hasConsent {
            return .refused(version: artifact.manifest.version, reason: refusal)
        }
        let path = directory.withLock { $0 } ?? "nowhere"
        try ArtifactStore(directory: path).promote(version, reason: "over HTTP")
        serve(try ModelArtifact(path: path))
        return .served(version: version)
    }

    func rollBackModel() async throws -> ModelWatch.Outcome {
        let path = directory.withLock { $0 } ?? "nowhere"
        do {
            let version = try ArtifactStore(directory: path).rollBack()
            serve(try ModelArtifact(path: path))
            return .served(version: version)
        } catch {
            return .refused(version: artifact.manifest.version, reason: "\(error)")
        }
    }

    /// Every query from now on fails so, or none.
    func fail(with error: QueryError?) { failure.withLock { $0 = error } }

    private func check() throws {
        if let error = failure.withLock({ $0 }) { throw error }
    }

    func customer(_ customerID: String) async throws -> CustomerReport? {
        try check()
        let partition = Self.partition(of: contentHash(of: customerID))
        guard partition < 2, status.partitions[partition].phase == .live,
            let state = tables[partition].state(of: customerID)
        else { return nil }
        return CustomerReport(
            customerID: customerID, topic: "customer-events", partition: Int32(partition), state: state,
            isStateComplete: true, position: 0, decoderStartOffset: 0, partitionClock: tables[partition].clock.time)
    }

    func customer(_ report: CustomerReport, at time: Int64) async throws -> CustomerReport? {
        try check()
        var table = CustomerTable()
        let decoder = EventDecoder()
        for message in messages[report.customerID] ?? [] {
            try message.withUnsafeBytes { bytes in
                let event = try decoder.event(in: bytes)
                if event.time <= time { table.update(event) }
            }
        }
        return table.states.first.map {
            CustomerReport(
                customerID: report.customerID, topic: report.topic, partition: report.partition, state: $0,
                isStateComplete: true, position: 0, decoderStartOffset: 0)
        }
    }

    func ranking(top: Int) async throws -> Ranking {
        try check()
        return Ranking(
            entries: latest.prefix(top).map {
                Ranking.Entry(
                    customerID: $0.customerID, partition: $0.partition, probability: $0.probability, time: $0.time)
            }, customers: latest.count,
            restoringPartitions: status.partitions.filter { $0.phase != .live }.map(\.partition))
    }

    func place(of customerID: String) async throws -> CustomerPlace {
        try check()
        let partition = Self.partition(of: contentHash(of: customerID))
        guard partition < 2 else { return .elsewhere(partition: 2, owner: Self.owner) }
        return status.partitions[partition].phase == .live
            ? .here(partition: Int32(partition)) : .restoring(partition: Int32(partition))
    }
}
