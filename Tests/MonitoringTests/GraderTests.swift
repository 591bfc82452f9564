import Customers
import Ensemble
import Events
import Foundation
import Scoring
import TestSupport
import Testing

@testable import Monitoring

@Suite struct GraderTests {
    static let day: Int64 = 86_400_000
    static let version = Grader.Version(version: "v1", servingModel: .blending, models: ModelName.allCases)

    /// An event, by what a grader sees of it.
    struct Step {
        var customer: UInt64
        var invoice: UInt64
        var time: Int64
        var isPurchase = true
    }

    static func grader(windowDays: Int = 1000, limit: Int = 1_000_000) -> Grader {
        var grader = Grader(windowDays: windowDays, limit: limit)
        grader.use(version)
        return grader
    }

    /// Takes events in; each one's scores are told by its offset.
    static func take(
        _ steps: some Collection<Step>, _ grader: inout Grader, from offset: Int64 = 0
    ) -> [(offset: Int64, isBought: Bool)] {
        takeWhole(steps, &grader, from: offset).map { ($0.offset, $0.isBought) }
    }

    /// A label: of the prediction at an offset, by the event at another.
    struct Known: Equatable {
        let offset: Int64
        let isBought: Bool
        let by: Int64
    }

    static func takeWhole(_ steps: some Collection<Step>, _ grader: inout Grader, from offset: Int64) -> [Known] {
        var batch = Grader.Batch()
        grader.begin(&batch)
        for (place, step) in steps.enumerated() {
            var scores = Scores()
            for (index, model) in ModelName.allCases.enumerated() {
                scores[model] = Double((offset + Int64(place)) * 7 % 1000 + Int64(index)) / 2000
            }
            batch.append(
                Grader.Event(
                    customerHash: step.customer, invoiceHash: step.invoice, time: step.time, clock: step.time,
                    isPurchase: step.isPurchase, scores: scores, offset: offset + Int64(place)))
        }
        var outcomes: [Known] = []
        grader.take(batch) { isBought, by, outcome in
            #expect(outcome().isBought == isBought)
            outcomes.append(Known(offset: outcome().prediction.offset, isBought: isBought, by: by))
        }
        return outcomes
    }

    /// A stream in order of time: customers, invoices of several lines, returns, events at the same instant.
    static func stream(_ count: Int, seed: UInt64) -> [Step] {
        var random = SplitMix64(seed: seed)
        var time = 100 * day
        var invoices: [UInt64: UInt64] = [:]
        return (0..<count).map { _ in
            if random.next() % 3 > 0 { time += Int64(random.next() % UInt64(day / 2)) }
            let customer = (random.next() % 60) << 32 | 0x1000
            if random.next() % 4 == 0 || invoices[customer] == nil { invoices[customer] = 1 + random.next() % 500 }
            return Step(
                customer: customer, invoice: invoices[customer]!, time: time, isPurchase: random.next() % 5 > 0)
        }
    }

    @Test func givesTheLabelsThatTrainingGives() {
        for seed in 0..<20 as Range<UInt64> {
            let steps = Self.stream(3000, seed: seed)
            var log = PurchaseLog()
            for step in steps where step.isPurchase {
                log.append(.init(time: step.time, invoiceHash: step.invoice), customer: Int(step.customer >> 32))
            }
            log.sort()
            var grader = Self.grader()
            let outcomes = Self.take(steps, &grader)
            #expect(outcomes.count > 1000)
            for (offset, isBought) in outcomes {
                let step = steps[Int(offset)]
                let label = log.label(
                    customer: Int(step.customer >> 32), at: step.time, invoiceHash: step.invoice)
                #expect(isBought == label, "seed \(seed), event \(offset)")
            }
            // Every prediction whose horizon the clock has passed has its label, and each has one at most.
            #expect(Set(outcomes.map(\.offset)).count == outcomes.count)
            let known = Set(outcomes.map(\.offset))
            for (offset, step) in steps.enumerated() where grader.clock.time > step.time + PurchaseLog.horizon {
                #expect(known.contains(Int64(offset)), "seed \(seed), event \(offset)")
            }
        }
    }

    @Test func figuresAreThoseOfTheSamePredictionsJudgedAtOnce() {
        let steps = Self.stream(5000, seed: 3)
        var grader = Self.grader()
        let outcomes = Self.take(steps, &grader)
        let grades = Grades([grader.picture])
        #expect(grades.versions.count == 1)
        #expect(grades.pending == steps.count - outcomes.count)
        // Labels that are known before the horizon is over are all of one kind, and do not count yet.
        let sorted = outcomes.filter { steps[Int($0.offset)].time + PurchaseLog.horizon < grader.clock.time }
            .sorted { $0.offset < $1.offset }
        #expect(sorted.count > 1000 && sorted.count < outcomes.count)
        for (place, model) in ModelName.allCases.enumerated() {
            let metrics = Metrics(
                probabilities: sorted.map { Double($0.offset * 7 % 1000 + Int64(place)) / 2000 },
                labels: sorted.map(\.isBought), seed: 0)
            #expect(grades.versions.first?.figures[model] == metrics)
        }
        let days = grades.versions[0].days
        #expect(days.map(\.metrics.n).reduce(0, +) == Double(sorted.count))
        #expect(days.map(\.day) == days.map(\.day).sorted())
        #expect(days.first?.isComplete == true && days.last?.isComplete == false)
        #expect(grades.versions[0].calibration.reduce(0) { $0 + $1.count } == sorted.count)
    }

    @Test(arguments: [true, false]) func goesOnFromASnapshotAsIfNothingHadHappened(isFull: Bool) throws {
        for seed in 0..<12 as Range<UInt64> {
            var random = SplitMix64(seed: seed &+ 99)
            let steps = Self.stream(6000, seed: seed)
            var whole = Self.grader(windowDays: 20)
            let expected = Self.take(steps, &whole)

            var grader = Self.grader(windowDays: 20)
            var outcomes: [(offset: Int64, isBought: Bool)] = []
            var store: [UInt64: [UInt8]] = [:]
            var at = 0
            while at < steps.count {
                let end = min(at + 300 + Int(random.next() % 900), steps.count)
                outcomes += Self.take(steps[at..<end], &grader, from: Int64(at))
                grader.beginSnapshot(isFull: isFull || store.isEmpty, upTo: Int64(end))
                let isKept = random.next() % 4 > 0
                // Events that come while it is written are no part of it.
                let during = min(end + Int(random.next() % 50), steps.count)
                outcomes += Self.take(steps[end..<during], &grader, from: Int64(end))
                at = during
                guard isKept else {
                    grader.giveUpSnapshot()
                    continue
                }
                if isFull { store = [:] }
                while let record = grader.nextRecord() {
                    store[record.number] = record.bytes.isEmpty ? nil : record.bytes
                }
                guard random.next() % 2 == 0 else { continue }
                // A new owner sees the events after it once more.
                var next = Self.grader(windowDays: 20)
                try next.restore(store, atLeastUpTo: Int64(end))
                _ = Self.take(steps[end..<during], &next, from: Int64(end))
                #expect(
                    next.picture.predictions.elementsEqual(grader.picture.predictions), "seed \(seed), event \(end)")
                grader = next
                // Its first snapshot may rest on what has been stored.
            }
            #expect(outcomes.elementsEqual(expected) { $0 == $1 }, "seed \(seed)")
            #expect(grader.picture.predictions.elementsEqual(whole.picture.predictions))
        }
    }

    @Test func refusesADamagedSnapshotAndStaysAsItWas() throws {
        var grader = Self.grader()
        _ = Self.take(Self.stream(3000, seed: 1), &grader)
        grader.beginSnapshot(isFull: true, upTo: 3000)
        var store: [UInt64: [UInt8]] = [:]
        while let record = grader.nextRecord() { store[record.number] = record.bytes }
        var random = SplitMix64(seed: 5)
        var refused = 0
        for _ in 0..<2000 {
            var damaged = store
            let number = Array(store.keys.sorted())[Int(random.next() % UInt64(store.count))]
            switch random.next() % 3 {
            case 0: damaged[number] = nil
            case 1: damaged[number] = Array(store[number]!.prefix(Int(random.next() % UInt64(store[number]!.count))))
            default:
                damaged[number]![Int(random.next() % UInt64(store[number]!.count))] ^= 1 << UInt8(random.next() % 8)
            }
            var next = Self.grader()
            do {
                try next.restore(damaged, atLeastUpTo: 0)
            } catch {
                refused += 1
                #expect(next.picture.predictions.first { _ in true } == nil)
            }
        }
        #expect(refused > 1000)
        var late = Self.grader()
        #expect(throws: StateError.self) { try late.restore(store, atLeastUpTo: 3001) }
    }

    @Test func samplesCustomersWhenThereAreTooManyPredictions() {
        // Hashes spread over all 64 bits.
        let steps = Self.stream(40_000, seed: 8).map { step in
            var random = SplitMix64(seed: step.customer)
            return Step(
                customer: random.next(), invoice: step.invoice, time: step.time, isPurchase: step.isPurchase)
        }
        var all = Self.grader(windowDays: 100_000)
        let labels = Dictionary(
            uniqueKeysWithValues: Self.take(steps, &all).map { ($0.offset, $0.isBought) })
        var sampled = Self.grader(windowDays: 100_000, limit: 5000)
        let outcomes = Self.take(steps, &sampled)
        #expect(sampled.sampledShare < 1 && sampled.sampledShare > 0)
        #expect(sampled.picture.predictions.count(where: { _ in true }) <= 5001)
        for (offset, isBought) in outcomes { #expect(labels[offset] == isBought) }
        let kept = Set(sampled.picture.predictions.map(\.customerHash))
        // All of a kept customer's predictions are there.
        for prediction in all.picture.predictions where kept.contains(prediction.customerHash) {
            #expect(sampled.picture.predictions.contains { $0.offset == prediction.offset })
        }
    }

    /// Also where the sample is halved in the middle of a batch.
    @Test func whatItMakesOfEventsDoesNotDependOnBatches() throws {
        let steps = Self.stream(20_000, seed: 21).map { step in
            var random = SplitMix64(seed: step.customer)
            return Step(
                customer: random.next(), invoice: step.invoice, time: step.time, isPurchase: step.isPurchase)
        }
        func run(_ size: Int) -> (known: [Known], records: [[UInt8]], share: Double) {
            var grader = Self.grader(windowDays: 100_000, limit: 3000)
            var known: [Known] = []
            for first in stride(from: 0, to: steps.count, by: size) {
                known += Self.takeWhole(
                    steps[first..<min(first + size, steps.count)], &grader, from: Int64(first))
            }
            grader.beginSnapshot(isFull: true, upTo: Int64(steps.count))
            var records: [[UInt8]] = []
            while let record = grader.nextRecord() { records.append(record.bytes) }
            return (known, records, grader.sampledShare)
        }
        let alone = run(1)
        #expect(alone.share < 0.5 && alone.share > 0 && alone.known.count > 1000)
        for size in [2, 7, 64, 1000, steps.count] {
            let together = run(size)
            #expect(together.known == alone.known && together.records == alone.records, "batches of \(size)")
        }
    }

    @Test func forgetsGradedPredictionsOnceTheyAreOutsideTheWindow() {
        var grader = Self.grader(windowDays: 10)
        _ = Self.take(Self.stream(30_000, seed: 2), &grader)
        let earliest = grader.picture.predictions.map(\.time).min()!
        #expect(grader.clock.time - earliest < 240 * Self.day, "a chunk at most is kept for some of its predictions")
        let grades = Grades([grader.picture])
        #expect(grades.versions[0].days.count <= 11)
    }

    /// What a worker that has seen the whole history says of its predictions is what the evaluation says of them.
    @Test(.enabled(if: RealHistory.path != nil, Comment(rawValue: RealHistory.skipped)))
    func onTheRealHistoryTheFiguresAreThoseOfTheEvaluation() throws {
        let artifact = try ModelArtifact(path: Checkout.models)
        try #require(artifact.manifest.holdoutModel == nil)
        var scorer = Scorer(artifact: artifact)
        var table = CustomerTable()
        var grader = Grader(windowDays: 1000, limit: 1_000_000)
        grader.use(Grader.Version(version: "v", servingModel: .blending, models: artifact.ensemble.models))
        let reader = try HistoryReader(path: try #require(RealHistory.path))
        var (offset, latest): (Int64, Int64) = (0, 0)
        var batch = Grader.Batch()
        func score() {
            grader.begin(&batch)
            scorer.score { prediction in
                batch.append(
                    Grader.Event(
                        customerHash: prediction.customerHash, invoiceHash: prediction.invoiceHash,
                        time: prediction.time, clock: prediction.clock, isPurchase: prediction.isPurchase,
                        scores: prediction.scores, offset: offset))
                offset += 1
            }
            grader.take(batch) { _, _, _ in }
        }
        while let event = try reader.next() {
            if event.isAnonymous { continue }
            scorer.add(event, tag: 0, to: &table)
            latest = max(latest, event.time)
            if scorer.pendingCount == 4096 { score() }
        }
        // The stream has to go on for the last horizons to be over.
        for number in 0..<128 {
            let after = SampleEvent(customer: "after", invoice: "\(number)", time: latest + 60_000)
            try EventDecoder().with(after) { scorer.add($0, tag: 0, to: &table) }
        }
        score()
        let split = try #require(EventTime.parse("2011-09-01T00:00:00Z"))
        let test = grader.picture.predictions.filter {
            $0.time >= split && $0.time + PurchaseLog.horizon <= latest
        }
        #expect(test.allSatisfy { $0.label != .pending })
        let results = try #require(
            try JSONSerialization.jsonObject(with: Data(artifact.results)) as? [String: Any])
        let e1 = try #require(results["E1"] as? [String: [String: Any]])
        for (place, model) in artifact.ensemble.models.enumerated() {
            let metrics = Metrics(
                probabilities: test.map { $0.probabilities[place] }, labels: test.map { $0.label == .bought }, seed: 1)
            let expected = try #require(e1[model.rawValue])
            for (name, value) in [
                ("n", metrics.n), ("positive_rate", metrics.positiveRate), ("roc_auc", metrics.rocAUC),
                ("pr_auc", metrics.prAUC), ("log_loss", metrics.logLoss), ("brier", metrics.brier),
                ("ece", metrics.ece), ("f1", metrics.f1),
            ] {
                let wanted = try #require(expected[name] as? Double)
                #expect(abs(value - wanted) < 1e-9, "\(model) \(name): \(value), evaluation \(wanted)")
            }
        }
    }
}
