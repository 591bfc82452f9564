import Ensemble
import Events
import Features
import Foundation
import TestSupport
import Testing

@testable import HTTPService

@Suite struct ScoreTests {
    let rig: Rig

    init() throws { rig = try Rig() }

    @Test func aCustomersEventsScoreWhatTheStreamPublishesToTheLastBit() async throws {
        for customer in rig.worker.busiest.prefix(12) {
            let messages = try #require(rig.worker.messages[customer])
            let payloads = try #require(rig.worker.payloads[customer])
            for count in Set([1, 2, messages.count / 2, messages.count]) where count > 0 {
                let answer = try await rig.post("/v1/score", Rig.body(messages.prefix(count)))
                #expect(answer.status == .ok)
                #expect(answer.text.contains(payloads[count - 1].prediction), "\(customer), \(count) events")
                #expect(try answer.json["customer_id"] as? String == customer)
            }
        }
    }

    @Test func theFeaturesOfAnAnswerScoreTheSameByThemselves() async throws {
        let messages = try #require(rig.worker.messages[rig.worker.busiest[0]])
        let scored = try await rig.post("/v1/score", Rig.body(messages)).text
        let start = try #require(scored.range(of: "\"features\":{"))
        let end = try #require(scored[start.lowerBound...].firstIndex(of: "}"))
        let again = try await rig.post("/v1/score/features", "{\(scored[start.lowerBound...end])}")
        #expect(again.status == .ok)
        let prediction = try #require(scored.firstRange(of: /"purchase_probability".*"schema_fingerprint":"[0-9a-f]*"/))
        #expect(again.text.contains(scored[prediction]))
    }

    @Test func goldenRowsScoreWhatTheTrainerGot() async throws {
        let manifest = rig.worker.artifact.manifest
        for golden in manifest.goldenRows {
            let features = zip(FeatureSchema(.standard).names, golden.features).map { name, value in
                "\"\(name)\":\(value.map { "\($0)" } ?? "null")"
            }
            let answer = try await rig.post(
                "/v1/score/features?explain=false", "{\"features\":{\(features.joined(separator: ","))}}")
            for (model, score) in golden.scores { #expect(answer.text.contains("\"\(model)\":\(score)")) }
            #expect(!answer.text.contains("explanation"))
        }
    }

    @Test func theOrderOfFeaturesMeansNothing() async throws {
        let golden = rig.worker.artifact.manifest.goldenRows[0]
        let features = zip(FeatureSchema(.standard).names, golden.features).map { name, value in
            "\"\(name)\":\(value.map { "\($0)" } ?? "null")"
        }
        let forward = try await rig.post("/v1/score/features", "{\"features\":{\(features.joined(separator: ","))}}")
        let backward = try await rig.post(
            "/v1/score/features", "{\"features\" : {\(features.reversed().joined(separator: " , "))} }")
        #expect(forward.status == .ok)
        #expect(forward.text == backward.text)
    }

    @Test func anExplanationAddsUpToTheScore() async throws {
        let messages = try #require(rig.worker.messages[rig.worker.busiest[1]])
        let json = try await rig.post("/v1/score", Rig.body(messages)).json
        let explanation = try #require(json["explanation"] as? [String: Any])
        let contributions = try #require(explanation["contributions"] as? [[String: Any]])
        let steps = contributions.compactMap { $0["log_odds"] as? Double }
        #expect(steps.count == FeatureSchema.count)
        #expect(zip(steps, steps.dropFirst()).allSatisfy { abs($0) >= abs($1) })
        #expect(Set(contributions.compactMap { $0["feature"] as? String }) == Set(FeatureSchema(.standard).names))
        let base = try #require(explanation["base_log_odds"] as? Double)
        let sum = steps.reduce(base, +)
        #expect(abs(sum - (explanation["log_odds"] as? Double ?? .nan)) < explanationResidual)
        #expect(explanation["probability"] as? Double == json["purchase_probability"] as? Double)
    }

    @Test func aLaterInstantScoresTheStateAsItWillStand() async throws {
        let customer = rig.worker.busiest[2]
        let messages = try #require(rig.worker.messages[customer])
        let answer = try await rig.post("/v1/score", Rig.body(messages, asOf: "2012-06-01T00:00:00Z"))
        #expect(answer.status == .ok)
        #expect(try answer.json["as_of"] as? String == "2012-06-01T00:00:00Z")
        let report = try #require(try await rig.worker.customer(customer))
        let pool = WorkspacePool(try Shared.context.get())
        let expected = pool.with { workspace in
            workspace.score(report.state.advanced(to: EventTime.parse("2012-06-01T00:00:00Z")!))
            return JSONWriter.text { writer in writer.object { workspace.writePrediction(&$0) } }
        }
        #expect(answer.text.contains(String(decoding: expected, as: UTF8.self).dropFirst().dropLast()))
    }

    @Test func anEarlierInstantIsRefused() async throws {
        let messages = try #require(rig.worker.messages[rig.worker.busiest[2]])
        let json = try await rig.post("/v1/score", Rig.body(messages, asOf: "2010-12-02")).expect(.beforeState)
        #expect((json["detail"] as? String)?.contains("leave out what had not happened yet") == true)
    }

    @Test func aBadEventIsNamedByIndexFieldAndReason() async throws {
        let good = String(decoding: SampleEvent().json, as: UTF8.self)
        let cases: [(bad: String, field: String?)] = [
            (good.replacing("\"quantity\":6", with: "\"quantity\":\"six\""), "quantity"),
            (good.replacing("\"quantity\":6", with: "\"quantity\":1e999"), "quantity"),
            (good.replacing("\"quantity\":6", with: "\"quantity\":99999999999999999999999999"), "quantity"),
            (good.replacing("\"17850\"", with: "null"), "customer_id"),
            (good.replacing("\"17850\"", with: "\"\""), "customer_id"),
            (good.replacing("\"17850\"", with: "[]"), "customer_id"),
            (good.replacing("2010-12-01T08:26:00Z", with: "soon"), "invoice_date"),
            (good.replacing("2010-12-01T08:26:00Z", with: "10000-01-01"), "invoice_date"),
            ("{}", "customer_id"), ("7", nil), ("[]", nil), ("null", nil), ("\"\"", nil),
        ]
        for (bad, field) in cases {
            let json = try await rig.post("/v1/score", "{\"events\":[\(good),\(good), \(bad)]}").expect(.badEvent)
            #expect(json["index"] as? Int == 2)
            #expect(json["field"] as? String == field, "\(bad)")
            #expect((json["reason"] as? String)?.isEmpty == false)
        }
    }

    @Test func eventsOfTwoCustomersAreRefusedByName() async throws {
        let (a, b) = (SampleEvent(customer: "A"), SampleEvent(customer: "B \"b\""))
        let json = try await rig.post("/v1/score", Rig.body([a.json, a.json, b.json])).expect(.severalCustomers)
        #expect(json["customers"] as? [String] == ["A", "B \"b\""])
        #expect(json["index"] as? Int == 2)
    }

    @Test func noEventsAndTooManyAreRefused() async throws {
        try await rig.post("/v1/score", "{\"events\":[]}").expect(.noEvents)
        var settings = HTTPSettings()
        settings.maxEvents = 3
        let few = try Rig(settings: settings)
        #expect(
            try await few.post("/v1/score", Rig.body([[UInt8]](repeating: SampleEvent().json, count: 3))).status == .ok)
        try await few.post("/v1/score", Rig.body([[UInt8]](repeating: SampleEvent().json, count: 4)))
            .expect(.tooManyEvents)
    }

    @Test func membersThatAreMissingUnknownOrIllTypedAreNamed() async throws {
        let event = String(decoding: SampleEvent().json, as: UTF8.self)
        let cases = [
            ("{}", "events"), ("{\"events\":{}}", "events"), ("{\"events\":null}", "events"),
            ("{\"events\":[\(event)],\"as_off\":null}", "as_off"), ("{\"events\":[\(event)],\"as_of\":7}", "as_of"),
            ("{\"events\":[\(event)],\"as_of\":\"soon\"}", "as_of"),
        ]
        for (body, field) in cases {
            #expect(try await rig.post("/v1/score", body).expect(.badBody)["field"] as? String == field)
        }
        for body in ["[]", "7", "null", "\"events\""] { try await rig.post("/v1/score", body).expect(.badBody) }
        #expect(try await rig.post("/v1/score", "{\"events\":[\(event)],\"as_of\":null}").status == .ok)
    }

    @Test func everyFeatureThatIsWrongIsListed() async throws {
        var features = FeatureSchema(.standard).names.map { "\"\($0)\":1" }
        features.removeFirst(2)
        features[0] = "\"\(FeatureSchema(.standard).names[2])\":\"1\""
        features[1] = "\"\(FeatureSchema(.standard).names[3])\":1e40"
        features += ["\"recency\":1", "\"\\u0041\":[{}]"]
        let json = try await rig.post("/v1/score/features", "{\"features\":{\(features.joined(separator: ","))}}")
            .expect(.badFeatures)
        #expect(json["missing"] as? [String] == Array(FeatureSchema(.standard).names[..<2]))
        #expect(json["unknown"] as? [String] == ["recency", "A"])
        #expect(json["invalid"] as? [String] == Array(FeatureSchema(.standard).names[2..<4]))
    }

    @Test func explainIsTrueOrFalseAndNothingElse() async throws {
        let body = Rig.body([SampleEvent().json])
        #expect(try await rig.post("/v1/score?explain=false", body).json["explanation"] == nil)
        #expect(try await rig.post("/v1/score?explain=true", body).json["explanation"] != nil)
        #expect(
            try await rig.post("/v1/score?explain=1", body).expect(.badParameter)["parameter"] as? String == "explain")
        #expect(try await rig.post("/v1/score?why", body).expect(.badParameter)["parameter"] as? String == "why")
    }

    @Test func theEndsOfTimeAndOfAmountsAreScoredToo() async throws {
        let times: [Int64] = [86_400_000, EventTime.latest, 86_400_000 * 400, 86_400_001, EventTime.latest - 1]
        for (quantity, price) in [
            (CustomerEvent.quantityLimit, CustomerEvent.priceLimit),
            (-CustomerEvent.quantityLimit, -CustomerEvent.priceLimit),
            (0, 0),
        ] {
            let events = times.map { SampleEvent(quantity: quantity, time: $0, price: price).json }
            let answer = try await rig.post("/v1/score", Rig.body(Array(repeating: events, count: 40).joined()))
            #expect(answer.status == .ok, "\(answer.text)")
            #expect((0...1).contains(try answer.json["purchase_probability"] as? Double ?? -1))
        }
    }
}
