import Ensemble
import Foundation
import Kafka
import Logging
import TestSupport
import Testing

@testable import Worker

/// Where a customer is whom a worker does not know, beside a broker that tells of groups.
@Suite(.waiting, .enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)))
struct OwnerTests {
    @Test(.timeLimit(.minutes(10))) func eachWorkerNamesTheOtherOne() async throws {
        let broker = try BrokerProcess()
        let admin = try Admin(properties: ["bootstrap.servers": broker.bootstrapServers])
        defer { admin.close() }
        for topic in ExactlyOnceTests.topics { _ = try admin.createTopic(topic, partitions: 4) }
        let artifact = try ModelArtifact(path: Checkout.models)
        var logger = Logger(label: "test")
        logger.logLevel = .error
        let workers = try (0..<2).map { number in
            var settings = WorkerSettings()
            settings.kafka = ["bootstrap.servers": broker.bootstrapServers, "client.id": "worker-\(number)"]
            settings.kafkaConsumer = ["partition.assignment.strategy": "range"]
            settings.guarantee = .atLeastOnce
            settings.checkpoints = .none
            return try Worker(settings: settings, artifact: artifact, logger: logger)
        }
        let running = workers.map { worker in
            Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        }
        let deadline = ContinuousClock.now + .seconds(60)
        while !workers.allSatisfy({ $0.status.isReady && $0.status.partitions.count == 2 }) {
            try #require(ContinuousClock.now < deadline, "the partitions are not shared")
            try await Task.sleep(for: .milliseconds(50))
        }
        for customer in 0..<20 {
            let places = try await [workers[0].place(of: "\(customer)"), workers[1].place(of: "\(customer)")]
            let here = places.firstIndex { if case .here = $0 { true } else { false } }
            guard let here, case .here(let partition) = places[here] else {
                Issue.record("nobody has \(customer)")
                continue
            }
            guard case .elsewhere(let same, let owner) = places[1 - here] else {
                Issue.record("both have \(customer)")
                continue
            }
            #expect(same == partition)
            #expect(owner?.hasPrefix("worker-\(here) at ") == true, "\(owner ?? "nobody")")
        }
        for worker in workers { worker.requestStop() }
        for task in running { try await task.value }
    }
}
