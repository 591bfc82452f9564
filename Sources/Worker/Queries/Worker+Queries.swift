import Foundation
import Kafka
import Monitoring
import Pipeline
import Synchronization

/// What the control plane sees of a worker, and the queries that it answers.
extension Worker: LiveWorker {
    /// How long a query waits for the threads.
    private static let queryTimeout = Duration.seconds(10)
    /// Proving a model takes seconds, and more beside a busy stream.
    private static let reloadTimeout = Duration.seconds(120)

    /// How things stand: at most a second old, grades and drift older (see `MonitoringReports`).
    package var status: WorkerStatus {
        let stats = boards.map(\.latest)
        let counts = counters.snapshot
        let (grades, drift) = reports.current(
            champion: artifact.manifest.version, bought: counts.bought, notBought: counts.notBought
        ) {
            try await self.askAll { .observations(reply: $0) }
        }
        var endToEnd = Histogram()
        var scores = [Int](repeating: 0, count: PredictionMonitor.scoreBins)
        var recent = (histogram: Histogram(), seconds: 0.0)
        for stats in stats {
            endToEnd.add(stats.endToEnd)
            recent.histogram.add(stats.recent.histogram)
            recent.seconds = max(recent.seconds, stats.recent.seconds)
            for (bin, count) in stats.scores.enumerated() { scores[bin] += count }
        }
        return WorkerStatus(
            counters: counts, uptimeSeconds: (ContinuousClock.now - started) / .seconds(1),
            partitions: stats.flatMap(\.partitions).sorted { ($0.topic, $0.partition) < ($1.topic, $1.partition) },
            membership: stats.allSatisfy(\.isMember) ? .member : .joining, kafka: watch.status, model: models.status,
            scores: scores,
            endToEnd: endToEnd,
            recentEndToEnd: recent.histogram, recentSeconds: recent.seconds, audit: audit.status, grades: grades,
            drift: drift)
    }

    /// What labels say of models, and how much scores drift; older by what computing that costs (see `MonitoringReports`).
    var grades: (comparisons: [PairedComparison], scoreDrift: Double?) {
        let counts = counters.snapshot
        let (grades, drift) = reports.current(
            champion: artifact.manifest.version, bought: counts.bought, notBought: counts.notBought
        ) { try await self.askAll { .observations(reply: $0) } }
        return (grades.comparisons, drift.score?.psi)
    }

    /// How often the model has changed.
    package var modelGeneration: Int { slot.generation }

    /// Has it look for another model now, and waits for what comes of it.
    package func reloadModel() async throws -> ModelWatch.Outcome {
        guard let outcome = try await reply(within: Self.reloadTimeout, { reply in self.models.request { reply($0) } })
        else {
            throw QueryError.notRunning
        }
        return outcome
    }

    /// The artifacts at hand.
    package func modelVersions() async -> [ModelVersion] {
        // A shared directory may take its time.
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { [settings] in
                continuation.resume(returning: ModelVersion.all(in: settings.models))
            }
        }
    }

    /// The latest comparison of another model with the one in service then.
    package var modelComparison: ModelComparison? { models.comparison }

    /// What a version would change, on the threads' latest rows.
    package func compareModel(_ version: String) async throws -> ModelComparison {
        let result = try await reply(within: Self.reloadTimeout) {
            (reply: @escaping ThreadCommand.Reply<Result<ModelComparison, QueryError>>) in
            if !self.models.request(.compare(version: version) { reply($0) }) { reply(.failure(.busyWithModels)) }
        }
        guard let result else { throw QueryError.notRunning }
        return try result.get()
    }

    /// Puts a version in service, and waits until it is.
    package func promoteModel(_ version: String, hasConsent: Bool) async throws -> ModelWatch.Outcome {
        try await outcome { .promote(version: version, hasConsent: hasConsent, reply: $0) }
    }

    /// Puts the version in service that was before, and waits until it is.
    package func rollBackModel() async throws -> ModelWatch.Outcome { try await outcome { .rollBack(reply: $0) } }

    private func outcome(
        of errand: @Sendable (@escaping @Sendable (ModelWatch.Outcome) -> Void) -> ModelWatch.Errand
    ) async throws -> ModelWatch.Outcome {
        let result = try await reply(within: Self.reloadTimeout) {
            (reply: @escaping ThreadCommand.Reply<Result<ModelWatch.Outcome, QueryError>>) in
            if !self.models.request(errand { reply(.success($0)) }) { reply(.failure(.busyWithModels)) }
        }
        guard let result else { throw QueryError.notRunning }
        return try result.get()
    }

    /// A copy of a customer's state, from the thread that owns their partition.
    package func customer(_ customerID: String) async throws -> CustomerReport? {
        let answers = try await askAll { .customer(id: customerID, reply: $0) }
        return answers.compactMap { $0 }.first
    }

    /// A customer as they stood at an earlier time, from the partition's log.
    package func customer(_ report: CustomerReport, at time: Int64) async throws -> CustomerReport? {
        try await pointInTime.customer(report, at: time)
    }

    /// The customers most likely to buy again; each thread scores all of its own, between batches.
    package func ranking(top: Int) async throws -> Ranking {
        let rankings = try await askAll { .ranking(top: top, reply: $0) }
        return Ranking(
            entries: Array(rankings.flatMap(\.entries).sorted(by: RankingRun.isBefore).prefix(top)),
            customers: rankings.reduce(0) { $0 + $1.customers },
            restoringPartitions: rankings.flatMap(\.restoringPartitions).sorted())
    }

    /// Where a customer's messages are.
    package func place(of customerID: String) async throws -> CustomerPlace {
        let count = partitionCount.load(ordering: .relaxed)
        guard count > 0 else { throw QueryError.notRunning }
        let partition = Murmur2Partitioner.partition(of: Array(customerID.utf8), count: count)
        // The published stats are up to a second old: the threads know.
        for ownership in try await askAll({ .ownership(partition: partition, reply: $0) }) {
            switch ownership {
            case .none: continue
            case .restoring: return .restoring(partition: partition)
            case .restored: return .here(partition: partition)
            }
        }
        return await place(ofPartition: partition)
    }

    /// Where a partition is that no thread of this worker has: asks the group's coordinator.
    private func place(ofPartition partition: Int32) async -> CustomerPlace {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { [settings] in
                let members = try? Admin(properties: settings.kafkaProperties.client)
                    .members(ofGroup: settings.group, timeoutMilliseconds: 2000)
                let wanted = TopicPartition(topic: settings.inputTopic, partition: partition)
                let owner = members?.first { $0.partitions.contains(wanted) }
                continuation.resume(
                    returning: members != nil && owner == nil
                        ? .nobody(partition: partition)
                        : .elsewhere(partition: partition, owner: owner.map { "\($0.clientID) at \($0.host)" }))
            }
        }
    }

    /// Has every running thread carry out a command, and collects the answers.
    /// - Throws: `QueryError` when no thread runs, or one does not get to it in time.
    func askAll<Answer: Sendable>(
        _ command: @escaping @Sendable (@escaping ThreadCommand.Reply<Answer>) -> ThreadCommand
    ) async throws -> [Answer] {
        let answers = try await withThrowingTaskGroup(of: Answer?.self) { group in
            for queue in controlQueues {
                group.addTask { try await self.reply { queue.submit(command($0)) } }
            }
            var answers: [Answer] = []
            for try await answer in group { answers += answer.map { [$0] } ?? [] }
            return answers
        }
        guard !answers.isEmpty else { throw QueryError.notRunning }
        return answers
    }

    /// Waits for a reply, but not for ever.
    private func reply<Answer: Sendable>(
        within time: Duration = queryTimeout, _ ask: @Sendable (@escaping ThreadCommand.Reply<Answer>) -> Void
    ) async throws -> Answer? {
        let once = Once<Result<Answer?, QueryError>>()
        let timeout = Task {
            try await Task.sleep(for: time)
            once.resume(.failure(.timeout))
        }
        defer { timeout.cancel() }
        return try await withCheckedContinuation { continuation in
            once.wait(continuation)
            ask { once.resume(.success($0)) }
        }.get()
    }
}

/// A continuation that is resumed by the first of several answers.
private final class Once<Answer: Sendable>: Sendable {
    private let continuation = Mutex<CheckedContinuation<Answer, Never>?>(nil)

    func wait(_ continuation: CheckedContinuation<Answer, Never>) {
        self.continuation.withLock { $0 = continuation }
    }

    func resume(_ answer: Answer) {
        continuation.withLock { continuation in
            defer { continuation = nil }
            return continuation
        }?.resume(returning: answer)
    }
}
