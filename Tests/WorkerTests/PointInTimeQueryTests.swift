import Customers
import Ensemble
import Events
import Features
import Foundation
import Kafka
import Pipeline
import Scoring
import TestSupport
import Testing

@testable import Worker

@Suite(.waiting) struct PointInTimeQueryTests {
    /// What a customer's state comes to, as the served model has it.
    private static func probability(of report: CustomerReport, _ artifact: ModelArtifact) -> Double {
        var matrix = FeatureMatrix()
        artifact.makeExtractor().append(report.state, to: &matrix)
        var scores: [Scores] = []
        var workspace = Ensemble.Workspace(for: artifact.ensemble)
        artifact.ensemble.score(matrix, into: &scores, workspace: &workspace)
        return scores[0][artifact.manifest.servingModel]
    }

    @Test func aCustomerStandsAsThePredictionOfThenSaid() async throws {
        let rig = try WorkerRig(partitions: 2)
        let settings = rig.settings
        let (messages, payloads) = try WorkerTests.shop(customers: 40)
        var history: [String: [PublishedPrediction]] = [:]
        for payload in payloads {
            let prediction = try Array(payload.utf8).withUnsafeBytes { try PublishedPrediction(payload: $0) }
            history[prediction.customerID, default: []].append(prediction)
        }
        // What is no event, and what drives an event again that the state has, change nothing.
        let noise = [(key: messages[0].key, value: Array("no event".utf8))]
        let worker = try rig.worker()
        let running = Task(executorPreference: BlockingThreads.shared) { try await worker.run() }
        try await Task.detached {
            try WorkerTests.publish(messages.prefix(100), settings)
            try WorkerTests.publish(noise, settings)
            try WorkerTests.publish(messages.dropFirst(100), settings)
            try Self.driveAgain(messages[0], settings)
            try wait(for: "the messages") { worker.counters.snapshot.received == messages.count + 2 }
        }.value

        var compared = 0
        for (customerID, predictions) in history.sorted(by: { $0.key < $1.key }) {
            let now = try #require(try await worker.customer(customerID))
            let times = predictions.map(\.time)
            for place in [0, times.count / 3, times.count / 2, times.count - 2]
            where place >= 0 && place + 1 < times.count {
                // The last one of an instant, and none that came late, is what an instant is of.
                guard times[place + 1] > times[place], times[..<place].allSatisfy({ $0 <= times[place] }) else {
                    continue
                }
                let then = try #require(try await worker.customer(now, at: times[place]))
                #expect(then.state.clock == times[place])
                #expect(Self.probability(of: then, rig.artifact) == predictions[place].probability)
                #expect(then.isStateComplete && then.position == now.position)
                // Between two events it is the same one.
                let between = try #require(try await worker.customer(now, at: times[place + 1] - 1))
                #expect(between.state.clock == times[place])
                compared += 1
            }
            #expect(try await worker.customer(now, at: (times.min() ?? 0) - 1) == nil)
            // To the end it is what the thread has.
            let whole = try #require(try await worker.customer(now, at: now.state.clock))
            #expect(Self.probability(of: whole, rig.artifact) == Self.probability(of: now, rig.artifact))
            #expect(whole.state.lifetime.events == now.state.lifetime.events)
        }
        #expect(compared > 10)
        // One at a time.
        let someone = try #require(try await worker.customer(history.keys.sorted()[0]))
        let answers = await withTaskGroup(of: QueryError?.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    do {
                        _ = try await worker.customer(someone, at: someone.state.clock)
                        return nil
                    } catch { return error as? QueryError }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.contains(nil) && answers.contains(.busy))
        #expect(answers.allSatisfy { $0 == nil || $0 == .busy })
        // Beyond the log's end there is nothing to wait for: another log than the one that the state is of.
        let beyond = CustomerReport(
            customerID: someone.customerID, topic: someone.topic, partition: someone.partition, state: someone.state,
            isStateComplete: true, position: someone.position + 5, decoderStartOffset: 0)
        await #expect {
            try await worker.customer(beyond, at: 0)
        } throws: { error in
            guard case .unreadable(let why) = error as? QueryError else { return false }
            return why.contains("ends at offset \(someone.position)")
        }
        worker.requestStop()
        try await running.value
    }

    /// A state that was restored from before a fix holds a redriven event where it was driven again; one that was rebuilt since
    /// holds it where it stands.
    @Test func aRedrivenEventStandsWhereTheStateHasIt() async throws {
        let rig = try WorkerRig(partitions: 1)
        let day = 86_400_000 as Int64
        let early = SampleEvent(invoice: "1")
        let late = SampleEvent(invoice: "2", quantity: 3, time: early.time + day)
        try WorkerTests.publish([early, late].map { (key: [1], value: $0.json) }, rig.settings)
        try Self.driveAgain((key: [1], value: early.json), rig.settings)
        for (decoderStartOffset, order) in [(0, [early, late]), (1, [late, early])] {
            var table = CustomerTable()
            for event in order { try EventDecoder().with(event) { table.update($0) } }
            let now = CustomerReport(
                customerID: early.customer, topic: rig.settings.inputTopic, partition: 0, state: table.states[0],
                isStateComplete: true, position: 3, decoderStartOffset: Int64(decoderStartOffset))
            let then = try #require(try await rig.worker().customer(now, at: late.time))
            var (found, expected) = (ByteWriter(), ByteWriter())
            then.state.encode(into: &found)
            table.states[0].encode(into: &expected)
            #expect(found.take() == expected.take(), "decoded alike from \(decoderStartOffset) on")
        }
    }

    /// The first message once more, as `redrive` would send it.
    private static func driveAgain(_ message: (key: [UInt8], value: [UInt8]), _ settings: WorkerSettings) throws {
        let producer = try Producer(properties: settings.kafkaProperties.producer)
        defer { producer.close() }
        let topic = try producer.topic(named: settings.inputTopic)
        try message.key.withUnsafeBytes { key in
            try message.value.withUnsafeBytes { value in
                try producer.produce(
                    to: topic, partition: 0, key: key, value: value,
                    headers: [Header(RedrivenMessage.header, "0")])
            }
        }
        try producer.flush(timeoutMilliseconds: 10_000)
    }

    @Test func saysThatTheLogCannotBeRead() async throws {
        let rig = try WorkerRig(partitions: 1)
        await #expect {
            try await rig.worker().customer(try Self.report(topic: "nowhere"), at: 0)
        } throws: { error in
            guard case .unreadable(let why) = error as? QueryError else { return false }
            return why.contains("nowhere[0]")
        }
    }

    @Test func saysThatTheLogHasBeenCut() async throws {
        let rig = try WorkerRig(partitions: 1)
        try RecoveryTests().cutLog(rig.settings)
        await #expect {
            try await rig.worker().customer(try Self.report(topic: rig.settings.inputTopic), at: 0)
        } throws: { error in
            guard case .notInLog(let why) = error as? QueryError else { return false }
            return why.contains("has been cut")
        }
    }

    /// Of somebody after 7,000 messages.
    private static func report(topic: String) throws -> CustomerReport {
        let state = try WorkerTests.shop(customers: 2).messages[0].value.withUnsafeBytes {
            CustomerState(firstEvent: try EventDecoder().event(in: $0))
        }
        return CustomerReport(
            customerID: "1", topic: topic, partition: 0, state: state, isStateComplete: true, position: 7000,
            decoderStartOffset: 0)
    }
}
