import Events
import Foundation
import Scoring
import TestSupport
import Testing

@testable import HTTPService

@Suite struct CustomerTests {
    let rig: Rig

    init() throws { rig = try Rig() }

    @Test func theLatestPredictionIsTheStreamsLastOne() async throws {
        for customer in rig.worker.busiest {
            let last = try #require(rig.worker.payloads[customer]?.last)
            // A last event that came late has left the state at a later time than its own.
            let report = try #require(try await rig.worker.customer(customer))
            let answer = try await rig.get("/v1/customers/\(customer)?as_of=\(EventTime.text(report.state.clock))")
            #expect(answer.status == .ok)
            // Unless told otherwise, as of the partition's clock.
            let now = try await rig.get("/v1/customers/\(customer)").json
            #expect(now["as_of"] as? String == EventTime.text(max(report.state.clock, report.partitionClock)))
            if last.contains("\"event_time\":\"\(EventTime.text(report.state.clock))\"") {
                #expect(answer.text.contains(last.prediction), "\(customer)")
            }
        }
    }

    @Test func theStateIsToldInFull() async throws {
        let customer = rig.worker.busiest[0]
        let json = try await rig.get("/v1/customers/\(customer)").json
        let state = try #require(try await rig.worker.customer(customer)).state
        let lifetime = try #require(json["state"] as? [String: Any])
        #expect(lifetime["events"] as? Int == rig.worker.messages[customer]?.count)
        #expect(lifetime["last_event"] as? String == EventTime.text(state.clock))
        #expect(
            (lifetime["windows"] as? [[String: Any]])?.compactMap { $0["days"] as? Int } == [7, 30, 60, 90, 180, 365])
        #expect((lifetime["days_bought"] as? [String])?.count == state.purchaseDays.days.count)
        let timeline = try #require(lifetime["timeline"] as? [[String: Any]])
        #expect(timeline.count == state.bucketCount)
        let year = try #require((lifetime["windows"] as? [[String: Any]])?.last)
        let spend = timeline.reduce(0.0) { $0 + ($1["spend"] as? Double ?? .nan) }
        #expect(abs(spend - (year["spend"] as? Double ?? .nan)) < 1e-6)
        #expect(json["is_state_complete"] as? Bool == true)
    }

    @Test func aLaterInstantMovesTheWindows() async throws {
        let customer = rig.worker.busiest[0]
        let json = try await rig.get("/v1/customers/\(customer)?as_of=2013-01-01").json
        #expect(json["as_of"] as? String == "2013-01-01T00:00:00Z")
        let lifetime = try #require(json["state"] as? [String: Any])
        #expect((lifetime["windows"] as? [[String: Any]])?.allSatisfy { $0["events"] as? Int == 0 } == true)
        #expect((lifetime["timeline"] as? [Any])?.isEmpty == true)
        let now = try await rig.get("/v1/customers/\(customer)?as_of=now").json
        #expect((now["as_of"] as? String).flatMap { EventTime.parse($0) } ?? 0 > 1_700_000_000_000)
    }

    @Test func anEarlierInstantIsOfTheEventsUntilThen() async throws {
        let customer = rig.worker.busiest[0]
        let payloads = try #require(rig.worker.payloads[customer])
        let times = try payloads.map { payload in
            try Array(payload.utf8).withUnsafeBytes { try PublishedPrediction(payload: $0).time }
        }
        var seen = 0
        for (place, time) in times.enumerated() where place + 1 < times.count && times[place + 1] > time {
            // Those that come late are of no instant of their own.
            guard times[..<place].allSatisfy({ $0 <= time }), seen < 20 else { continue }
            seen += 1
            let answer = try await rig.get("/v1/customers/\(customer)?as_of=\(EventTime.text(time))")
            #expect(answer.status == .ok)
            #expect(answer.text.contains(payloads[place].prediction), "event \(place)")
            #expect(try answer.json["clock"] as? String == EventTime.text(time))
        }
        #expect(seen > 5)
        let json = try await rig.get("/v1/customers/\(customer)?as_of=1999-12-01").expect(.unknownCustomer)
        #expect((json["detail"] as? String)?.contains("up to 1999-12-01T00:00:00Z") == true)
    }

    @Test func whoIsNotKnownIsNotHereOrElsewhere() async throws {
        let strangers = (0..<200).map { "stranger \($0) é/" }
        var (here, elsewhere) = (0, 0)
        for stranger in strangers {
            let path = stranger.addingPercentEncoding(withAllowedCharacters: .alphanumerics)!
            let answer = try await rig.get("/v1/customers/\(path)")
            switch try await rig.worker.place(of: stranger) {
            case .here(let partition):
                here += 1
                #expect(try answer.expect(.unknownCustomer)["partition"] as? Int == Int(partition))
            case .elsewhere(let partition, let owner):
                elsewhere += 1
                let json = try answer.expect(.customerElsewhere)
                #expect(json["partition"] as? Int == Int(partition))
                #expect(json["owner"] as? String == owner)
            case .restoring, .nobody: Issue.record("all partitions are live and assigned")
            }
        }
        #expect(here > 20 && elsewhere > 20)
        try await rig.get("/v1/customers/%00").expect(.unknownCustomer)
        try await rig.get("/v1/customers/%ff").expect(.badParameter)
        try await rig.get("/v1/customers/%zz").expect(.badParameter)
    }

    @Test func customersAreRanked() async throws {
        let json = try await rig.get("/v1/customers?top=5").json
        let ranking = try #require(json["entries"] as? [[String: Any]])
        #expect(ranking.count == 5)
        let probabilities = ranking.compactMap { $0["probability"] as? Double }
        #expect(zip(probabilities, probabilities.dropFirst()).allSatisfy { $0 >= $1 })
        #expect((try await rig.get("/v1/customers").json["entries"] as? [Any])?.count == 20)
        for bad in ["0", "1001", "-1", "x", "", "1e2", "+5", "99999999999999999999"] {
            try await rig.get("/v1/customers?top=\(bad)").expect(.badParameter)
        }
        try await rig.get("/v1/customers?top=1&top=2").expect(.badParameter)
        try await rig.get("/v1/customers?to=1").expect(.badParameter)
        try await rig.get("/v1/customers/x?as_of=soon").expect(.badParameter)
    }

    /// What is not known yet is not said to be absent.
    @Test func aCustomerOfAPartitionThatIsBeingRestored() async throws {
        let worker = try TestWorker(artifact: Shared.artifact.get(), customers: 60, days: 100, isReady: false)
        let rig = try Rig(worker: worker)
        var (found, restoring) = (0, 0)
        for entry in worker.latest {
            let answer = try await rig.get("/v1/customers/\(entry.customerID)")
            if entry.partition == 0 {
                #expect(answer.status == .ok)
                found += 1
            } else {
                #expect(try answer.expect(.notReady)["partition"] as? Int == 1)
                #expect(answer.headers[.retryAfter] == "5")
                restoring += 1
            }
        }
        #expect(found > 0 && restoring > 0)
        #expect(try await rig.get("/v1/customers").json["restoring_partitions"] as? [Int] == [1])
        #expect(try await self.rig.get("/v1/customers").json["restoring_partitions"] as? [Int] == [])
    }

    @Test func aThreadThatDoesNotAnswerIsNotTheRequestsFault() async throws {
        let worker = try TestWorker(artifact: Shared.artifact.get(), customers: 3, days: 20)
        let rig = try Rig(worker: worker)
        worker.fail(with: .timeout)
        for path in ["/v1/customers", "/v1/customers/10001"] {
            let answer = try await rig.get(path)
            try answer.expect(.noAnswer)
            #expect(answer.headers[.retryAfter] == "1")
        }
        worker.fail(with: .notRunning)
        try await rig.get("/v1/customers").expect(.notReady)
        worker.fail(with: .busy)
        try await rig.get("/v1/customers/10001").expect(.busy)
        worker.fail(with: .unreadable("why"))
        #expect(try await rig.get("/v1/customers/10001").expect(.logUnreadable)["detail"] as? String == "why")
        worker.fail(with: .notInLog("why"))
        #expect(try await rig.get("/v1/customers/10001").expect(.notInLog)["detail"] as? String == "why")
    }
}
