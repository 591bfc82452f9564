import Foundation
import Kafka
import Monitoring
import Synchronization

/// What the control plane sees of a worker and asks of it.
extension Worker: LiveWorker {
    /// Time that the threads have to answer.
    private static let patience = Duration.seconds(10)

    package var status: WorkerStatus {
        let pictures = boards.map(\.picture)
        let counts = counters.snapshot
        let (grades, drift) = reports.current(bought: counts.bought, notBought: counts.notBought) {
            try await self.askAll { thread in thread.observations() }
        }
        var endToEnd = Histogram()
        var scores = [Int](repeating: 0, count: ThreadMonitor.scoreBins)
        for picture in pictures {
            endToEnd.add(picture.endToEnd)
            for (bin, count) in picture.scores.enumerated() { scores[bin] += count }
        }
        return WorkerStatus(
            counters: counts, uptimeSeconds: (ContinuousClock.now - started) / .seconds(1),
            partitions: pictures.flatMap(\.partitions).sorted { ($0.topic, $0.partition) < ($1.topic, $1.partition) },
            scores: scores, endToEnd: endToEnd, grades: grades, drift: drift)
    }

    package func customer(_ customerID: String) async throws -> CustomerReport? {
        let answers = try await askAll { thread in thread.customer(customerID) }
        return answers.compactMap { $0 }.first
    }

    package func customer(_ report: CustomerReport, at time: Int64) async throws -> CustomerReport? {
        try await lookBack.customer(report, at: time)
    }

    package func ranking(top: Int) async throws -> Ranking {
        let rankings = try await withThrowingTaskGroup(of: Ranking?.self) { group in
            for inbox in inboxes {
                group.addTask {
                    try await self.reply { answer in
                        inbox.ask { thread in
                            guard let thread else { return answer(nil) }
                            thread.rank(top: top) { answer($0) }
                        }
                    }
                }
            }
            var rankings: [Ranking] = []
            for try await ranking in group { rankings += ranking.map { [$0] } ?? [] }
            return rankings
        }
        guard !rankings.isEmpty else { throw InquiryError.notRunning }
        return Ranking(
            entries: Array(rankings.flatMap(\.entries).sorted(by: RankingRun.isBefore).prefix(top)),
            customers: rankings.reduce(0) { $0 + $1.customers })
    }

    package func place(of customerID: String) async throws -> CustomerPlace {
        let count = partitionCount.load(ordering: .relaxed)
        guard count > 0 else { throw InquiryError.notRunning }
        let partition = Murmur2Partitioner.partition(of: Array(customerID.utf8), count: count)
        // Asked and not looked up: the picture is up to a second old.
        if try await askAll({ $0.tasks[partition] != nil }).contains(true) { return .here(partition: partition) }
        return .elsewhere(partition: partition, owner: await owner(of: partition))
    }

    /// The client's identifier and the host of the member of the group that a partition is assigned to, where Kafka tells.
    private func owner(of partition: Int32) async -> String? {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { [settings] in
                let members = try? Admin(properties: settings.clientProperties)
                    .members(ofGroup: settings.group, timeoutMilliseconds: 2000)
                let wanted = TopicPartition(topic: settings.inputTopic, partition: partition)
                let owner = members?.first { $0.partitions.contains(wanted) }
                continuation.resume(returning: owner.map { "\($0.clientID) at \($0.host)" })
            }
        }
    }

    /// Asks every thread that is running.
    func askAll<Answer: Sendable>(
        _ question: @escaping @Sendable (StreamThread) -> Answer
    ) async throws -> [Answer] {
        let answers = try await withThrowingTaskGroup(of: Answer?.self) { group in
            for inbox in inboxes {
                group.addTask {
                    try await self.reply { answer in inbox.ask { thread in answer(thread.map(question)) } }
                }
            }
            var answers: [Answer] = []
            for try await answer in group { answers += answer.map { [$0] } ?? [] }
            return answers
        }
        guard !answers.isEmpty else { throw InquiryError.notRunning }
        return answers
    }

    /// Waits for an answer, but not for ever.
    private func reply<Answer: Sendable>(
        _ ask: @Sendable (@escaping @Sendable (Answer?) -> Void) -> Void
    ) async throws -> Answer? {
        let once = Once<Result<Answer?, InquiryError>>()
        let timeout = Task {
            try await Task.sleep(for: Self.patience)
            once.resume(.failure(.timeout))
        }
        defer { timeout.cancel() }
        return try await withCheckedContinuation { continuation in
            once.wait(continuation)
            ask { once.resume(.success($0)) }
        }.get()
    }
}

/// A continuation that the first of several answers goes to.
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
