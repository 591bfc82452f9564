import Ensemble
import Foundation
import Monitoring
import TestSupport
import Testing

@testable import Worker

/// What Prometheus is told.
@Suite(.waiting) struct WorkerMetricsTests {
    @Test func everyMetricIsDescribedFromTheStart() async throws {
        let rig = try WorkerRig(partitions: 1)
        let registry = PrometheusRegistry(
            namespace: WorkerMetrics.namespace, descriptions: WorkerMetrics.descriptions)
        let worker = try rig.worker(metrics: registry)
        let text = WorkerMetrics(worker).text(registry)
        func names(_ kind: String) -> Set<Substring> {
            Set(text().split(separator: "\n").filter { $0.hasPrefix("# \(kind) ") }.map { $0.split(separator: " ")[2] })
        }
        let atStart = names("TYPE")
        #expect(names("HELP") == atStart)
        let (messages, _) = try WorkerTests.shop(customers: 40)
        let settings = rig.settings
        try await rig.running(worker) {
            try WorkerTests.publish(messages, settings)
            try wait(for: "the messages") { worker.counters.snapshot.committed == messages.count }
        }
        #expect(names("TYPE") == atStart, "whatever has values was declared before it had any")
        #expect(names("HELP") == atStart)
        let buckets = text().split(separator: "\n").filter { $0.contains("end_to_end_latency_seconds_bucket") }
        #expect((10...30).contains(buckets.count))
    }
}
