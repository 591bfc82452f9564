import Events
import Foundation
import Kafka
import Logging
import TestSupport
import Testing

@testable import Worker

/// States in memory are what the log says, or the audit finds it.
@Suite(.waiting, .enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)))
struct FeatureAuditTests {
    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Audits every customer of the worker.
    private static func auditAll(_ worker: Worker) {
        for partition in 0..<UInt64(2) {
            let customers = UInt64(worker.status.partitions.first { $0.partition == Int32(partition) }?.customers ?? 0)
            for first in stride(from: 0, to: customers, by: FeatureAudit.customersEach) {
                // The bits from the 16th on choose the partition, those from the 32nd on where to begin in its table.
                worker.audit.audit(UInt64(first) << 32 | partition << 16, worker.artifact) { false }
            }
        }
    }

    /// The first customer in the second half of the messages who was in the first half too, and their events.
    private static func returning(_ messages: [(key: [UInt8], value: [UInt8])]) throws -> [(
        key: [UInt8], value: [UInt8]
    )] {
        let late = try #require(
            messages[(messages.count / 2)...].first { message in
                !message.key.isEmpty && messages[..<(messages.count / 2)].contains { $0.key == message.key }
            })
        return messages.filter { $0.key == late.key }
    }

    /// - Parameter planted: a history that the state is begun from, and that the log does not have.
    /// - Returns: what the audit of every customer has found, after a restart in the middle of the messages.
    private func audit(planted: (([(key: [UInt8], value: [UInt8])]) throws -> [UInt8])?) async throws
        -> FeatureAudit.Status
    {
        let rig = try ProcessRig(partitions: 2)
        rig.settings.recoverySeconds = 1
        rig.settings.commitIntervalMilliseconds = 100
        let settings = rig.settings
        let (messages, _) = try WorkerTests.shop(customers: 100)
        let publisher = try EventPublisher(settings: settings, topic: settings.inputTopic)
        if let planted {
            let history = try rig.directory.file("planted.ndjson", try planted(messages))
            _ = try Bootstrap(settings: settings, artifact: rig.artifact).run(
                History(path: history, format: settings.events), from: [:]
            ) { _, _ in }
        }
        for (piece, range) in [0..<messages.count / 2, messages.count / 2..<messages.count].enumerated() {
            for (key, value) in messages[range] { try value.withUnsafeBytes { try publisher.publish($0, key: key) } }
            try publisher.flush()
            let worker = try Worker(settings: settings, artifact: rig.artifact, logger: Self.quiet)
            let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
            try wait(for: "the messages") { worker.counters.snapshot.committed >= range.count }
            if piece == 1 {
                // The status is a second old.
                try await Task.sleep(for: .seconds(2))
                Self.auditAll(worker)
            }
            worker.requestStop()
            try await running.value
            if piece == 1 {
                publisher.close()
                return worker.status.audit
            }
        }
        return FeatureAudit.Status()
    }

    @Test func statesAreWhatTheLogSays() async throws {
        let found = try await audit(planted: nil)
        #expect(found.same > 90 && found.different == 0 && found.untold == 0 && found.finding == nil, "\(found)")
    }

    /// An event that the log does not have, between two that it has.
    @Test func aPlantedCorruptionIsFound() async throws {
        var customer: [UInt8] = []
        let found = try await audit { messages in
            let own = try Self.returning(messages)
            customer = own[0].key
            let text = String(decoding: own[1].value, as: UTF8.self)
            return Array(text.replacing(/"invoice_no":"[^"]*"/, with: "\"invoice_no\":\"planted\"").utf8)
        }
        #expect(found.different == 1 && found.same > 90 && found.untold == 0, "\(found)")
        let finding = try #require(found.finding)
        #expect(finding.customerID == String(decoding: customer, as: UTF8.self) && !finding.differences.isEmpty)
        for difference in finding.differences { #expect(difference.live.bitPattern != difference.log.bitPattern) }
    }

    /// Whoever came before the log begins cannot be computed from it: that is no alarm.
    @Test func whatTheLogDoesNotReachIsNoAlarm() async throws {
        let found = try await audit { messages in
            let text = String(decoding: try Self.returning(messages)[0].value, as: UTF8.self)
            let year = try #require(text.firstMatch(of: /"invoice_date":"([0-9]{4})/).flatMap { Int($0.1) })
            return Array(text.replacing("\"invoice_date\":\"\(year)", with: "\"invoice_date\":\"\(year - 1)").utf8)
        }
        #expect(found.different == 0 && found.untold == 1 && found.same > 90, "\(found)")
    }
}
