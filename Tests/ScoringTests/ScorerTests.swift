import Customers
import Ensemble
import Events
import Features
import Foundation
import Scoring
import TestSupport
import Testing

@Suite struct ScorerTests {
    let artifact: ModelArtifact

    init() throws { artifact = try ModelArtifact(path: Checkout.models) }

    /// Payloads of a generated shop, scored `batch` events at a time.
    func payloads(batch: Int, explainedFeatures: Int = 0) throws -> [String] {
        var scorer = try Scorer(artifact: artifact, explainedFeatures: explainedFeatures)
        var table = CustomerTable()
        var payloads: [String] = []
        let shop = ShopGenerator(customers: 40, days: 120, seed: 3)
        let eventDecoder = EventDecoder()
        while let fields = shop.nextFields() {
            let event = try eventDecoder.event(of: fields)
            if event.isAnonymous { continue }
            scorer.add(event, tag: payloads.count, to: &table)
            if scorer.pendingCount == batch {
                scorer.score { payloads.append(String(decoding: $0.payload, as: UTF8.self)) }
            }
        }
        scorer.score { payloads.append(String(decoding: $0.payload, as: UTF8.self)) }
        return payloads
    }

    @Test func givesTheSameBytesWhateverTheBatch() throws {
        let one = try payloads(batch: 1)
        #expect(one.count > 500)
        for batch in [2, 7, 8, 64, 65, 1000, 100_000] { #expect(try payloads(batch: batch) == one, "batch \(batch)") }
    }

    @Test func explanationsAreTheSameBytesWhateverTheBatch() throws {
        let plain = try payloads(batch: 100)
        let one = try payloads(batch: 1, explainedFeatures: 4)
        for batch in [2, 3, 8, 63, 64, 65, 130, 100_000] {
            #expect(try payloads(batch: batch, explainedFeatures: 4) == one, "batch \(batch)")
        }
        // Nothing else in the payload depends on them.
        for (plain, explained) in zip(plain, one) {
            let start = try #require(explained.range(of: ",\"explanation\":{"))
            let end = try #require(explained.range(of: "]}", range: start.upperBound..<explained.endIndex))
            #expect(explained.replacingCharacters(in: start.lowerBound..<end.upperBound, with: "") == plain)
        }
    }

    @Test(arguments: [1, 5, FeatureSchema.count]) func publishesWhatAnExplainerSays(count: Int) throws {
        struct Published: Decodable {
            struct Contribution: Decodable {
                let feature: String
                let value: Double?
                let logOdds: Double
            }
            struct Body: Decodable {
                let model: ModelName
                let baseLogOdds: Double
                let contributions: [Contribution]
            }
            let explanation: Body
        }
        let explainer = try Explainer(artifact)
        let workspace = Explainer.Workspace(for: explainer)
        var scorer = try Scorer(artifact: artifact, explainedFeatures: count)
        var table = CustomerTable()
        let shop = ShopGenerator(customers: 10, days: 60, seed: 5)
        let eventDecoder = EventDecoder()
        while let fields = shop.nextFields() {
            let event = try eventDecoder.event(of: fields)
            if !event.isAnonymous { scorer.add(event, tag: 0, to: &table) }
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        var missing = 0
        try scorer.score { prediction in
            let row = Array(prediction.features.bindMemory(to: Float.self))
            let expected = explainer.explain(row, workspace)
            #expect(expected.probability == prediction.scores[artifact.manifest.servingModel])
            let text = String(decoding: prediction.payload, as: UTF8.self)
            let explanation = try decoder.decode(Published.self, from: Data(text.utf8)).explanation
            #expect(explanation.model == artifact.manifest.servingModel)
            let top = expected.top(count)
            #expect(explanation.contributions.map(\.feature) == top.map { FeatureSchema(.standard).names[$0.feature] })
            for (found, (feature, contribution)) in zip(explanation.contributions, top) {
                // To the last digit, in which Foundation's own parser is off at times.
                let value = row[feature].isNaN ? "null" : "\(row[feature])"
                missing += row[feature].isNaN ? 1 : 0
                #expect((found.value == nil) == row[feature].isNaN)
                #expect(
                    text.contains(
                        "{\"feature\":\"\(found.feature)\",\"value\":\(value),\"log_odds\":\(contribution)}"))
            }
            #expect(text.contains("\"base_log_odds\":\(expected.baseLogOdds),"))
            let read = try PublishedPrediction(payload: prediction.payload)
            #expect(read.probability == prediction.scores[artifact.manifest.servingModel])
        }
        // Whether one without a value is among the first few is the model's affair; among all it is.
        #expect(missing > 0 || count < FeatureSchema.count)
    }

    @Test func publishesWhatAConsumerReadsBack() throws {
        var scorer = Scorer(artifact: artifact)
        var table = CustomerTable()
        let sample = SampleEvent(customer: "Zoë \"Z\"", invoice: "I\\1", time: 1_291_191_960_123)
        try EventDecoder().with(sample) { scorer.add($0, tag: 9, to: &table) }
        var count = 0
        try scorer.score { prediction in
            count += 1
            let read = try PublishedPrediction(payload: prediction.payload)
            #expect(read.customerID == sample.customer)
            #expect(read.invoiceHash == contentHash(of: sample.invoice))
            #expect(read.time == sample.time)
            #expect(read.probability == prediction.scores[artifact.manifest.servingModel])
            #expect(prediction.tag == 9)
            // The shortest digits that read back as the same number; Foundation's own parser is off by a bit at times.
            let text = String(decoding: prediction.payload, as: UTF8.self)
            for model in ModelName.allCases {
                #expect(text.contains("\"\(model.rawValue)\":\(prediction.scores[model])"))
            }
            #expect(try JSONSerialization.jsonObject(with: Data(prediction.payload)) is [String: Any])
            #expect(text.contains("\"model_version\":\"\(artifact.manifest.version)\""))
        }
        #expect(count == 1)
    }

    @Test func eventsThatWereRemovedAreNotScored() throws {
        var scorer = Scorer(artifact: artifact)
        var (table, other) = (CustomerTable(), CustomerTable())
        var payloads: [[String]] = [[], []]
        // The first round fails between adding and scoring; the second adds other events.
        try EventDecoder().with(SampleEvent(customer: "lost")) { scorer.add($0, tag: 1, to: &table) }
        scorer.removePending()
        #expect(scorer.pendingCount == 0)
        for (round, isFirst) in [true, false].enumerated() {
            try EventDecoder().with(SampleEvent(customer: "kept")) {
                if isFirst { scorer.add($0, tag: 2, to: &table) } else { scorer.add($0, tag: 2, to: &other) }
            }
            scorer.score { prediction in
                #expect(prediction.tag == 2)
                payloads[round].append(String(decoding: prediction.payload, as: UTF8.self))
            }
        }
        #expect(payloads[0].count == 1)
        #expect(payloads[0] == payloads[1])
    }

    @Test func setsThePriorityAtTheThresholds() {
        let thresholds = PriorityThresholds(high: 0.7, medium: 0.4)
        #expect(thresholds.priority(of: 0.7) == .high)
        #expect(thresholds.priority(of: 0.7.nextDown) == .medium)
        #expect(thresholds.priority(of: 0.4) == .medium)
        #expect(thresholds.priority(of: 0.4.nextDown) == .low)
    }

    @Test(arguments: [
        "", "{}", "[]", "{\"customer_id\":\"1\"}",
        "{\"customer_id\":\"1\",\"invoice_no\":\"2\",\"event_time\":\"x\",\"purchase_probability\":0.5}",
    ])
    func refusesWhatIsNoPrediction(payload: String) {
        #expect(throws: EventError.self) {
            try Array(payload.utf8).withUnsafeBytes { _ = try PublishedPrediction(payload: $0) }
        }
    }
}
