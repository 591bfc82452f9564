import Customers
import Ensemble
import Events
import Features
import Foundation
import Scoring
import TestSupport
import Testing

@testable import Monitoring

@Suite struct LabelJoinTests {
    static let day: Int64 = 86_400_000
    static let version = LabelJoin.Version(version: "v1", servingModel: .blending, models: ModelName.allCases)

    /// What a label join sees of an event.
    struct Step {
        var customer: UInt64
        var invoice: UInt64
        var time: Int64
        var isPurchase = true
    }

    static func labelJoin(windowDays: Int = 1000, limit: Int = 1_000_000) -> LabelJoin {
        var labelJoin = LabelJoin(horizon: .standard, windowDays: windowDays, limit: limit)
        labelJoin.use(version)
        return labelJoin
    }

    /// Joins events; an event's scores follow from its offset.
    static func join(
        _ steps: some Collection<Step>, _ labelJoin: inout LabelJoin, from offset: Int64 = 0
    ) -> [(offset: Int64, isBought: Bool)] {
        joinWhole(steps, &labelJoin, from: offset).map { ($0.offset, $0.isBought) }
    }

    /// The label of the prediction at one offset, decided by the event at another.
    struct Known: Equatable {
        let offset: Int64
        let isBought: Bool
        let by: Int64
    }

    static func joinWhole(_ steps: some Collection<Step>, _ labelJoin: inout LabelJoin, from offset: Int64) -> [Known] {
        var batch = LabelJoin.Batch()
        labelJoin.begin(&batch)
        for (place, step) in steps.enumerated() { batch.append(event(step, offset: offset + Int64(place))) }
        var outcomes: [Known] = []
        labelJoin.join(batch) { isBought, by, outcome in
            #expect(outcome().isBought == isBought)
            outcomes.append(Known(offset: outcome().prediction.offset, isBought: isBought, by: by))
        }
        return outcomes
    }

    static func event(_ step: Step, offset: Int64) -> LabelJoin.Event {
        var scores = Scores()
        for (index, model) in ModelName.allCases.enumerated() {
            scores[model] = Double(offset * 7 % 1000 + Int64(index)) / 2000
        }
        return LabelJoin.Event(
            customerHash: step.customer, invoiceHash: step.invoice, time: step.time, clock: step.time,
            isPurchase: step.isPurchase, scores: scores, offset: offset)
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

    /// A purchase at the very end of the horizon counts, also when the clock is there already.
    @Test func theHorizonIncludesItsLastInstant() {
        let begin = 100 * Self.day
        let last = begin + Horizon.standard.milliseconds
        for (instant, isBought) in [(last, true), (last + 1, false)] {
            var labelJoin = Self.labelJoin()
            // As many of another customer as bring the clock there.
            let others = (0..<140).map {
                Step(customer: 2 << 32, invoice: 2 + $0 % 2, time: instant, isPurchase: false)
            }
            let found = Self.join(
                [Step(customer: 1 << 32, invoice: 1, time: begin)] + others
                    + [Step(customer: 1 << 32, invoice: 3, time: instant)], &labelJoin)
            #expect(found.map(\.offset) == [0] && found.map(\.isBought) == [isBought], "\(found)")
        }
    }

    @Test func givesTheLabelsThatTrainingGives() {
        for seed in 0..<20 as Range<UInt64> {
            let steps = Self.stream(3000, seed: seed)
            var log = PurchaseLog(horizon: .standard)
            for step in steps where step.isPurchase {
                log.append(.init(time: step.time, invoiceHash: step.invoice), customer: Int(step.customer >> 32))
            }
            log.sort()
            var labelJoin = Self.labelJoin()
            let outcomes = Self.join(steps, &labelJoin)
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
            for (offset, step) in steps.enumerated()
            where labelJoin.progress.clock.time > step.time + Horizon.standard.milliseconds {
                #expect(known.contains(Int64(offset)), "seed \(seed), event \(offset)")
            }
        }
    }

    /// A wrong date: predictions behind it are due before it, and its chunk leaves with its neighbours.
    @Test(arguments: [0, 100]) func aPredictionFarAheadHoldsUpNoOther(place: Int) {
        var steps = Self.stream(9000, seed: 5)
        var tidy = Self.labelJoin(windowDays: 5)
        let right = Self.join(steps, &tidy)
        steps[place].time += 40_000 * Self.day
        var labelJoin = Self.labelJoin(windowDays: 5)
        let outcomes = Self.join(steps, &labelJoin)
        labelJoin.checkInvariants("place \(place)")
        let wrong = (steps[place].customer, steps[place].invoice)
        func others(_ outcomes: [(offset: Int64, isBought: Bool)]) -> [Int64: Bool] {
            let others = outcomes.filter {
                let step = steps[Int($0.offset)]
                // The wrong purchase itself decides nothing of its customer's others.
                return Int($0.offset) != place && (step.customer != wrong.0 || $0.offset > place + 200)
            }
            return Dictionary(uniqueKeysWithValues: others.map { ($0.offset, $0.isBought) })
        }
        #expect(others(outcomes) == others(right) && outcomes.contains { !$0.isBought })
        #expect(labelJoin.first > place, "its chunk has left")
        #expect(labelJoin.progress.deferred.entries.isEmpty)
    }

    @Test func figuresAreThoseOfTheSamePredictionsJudgedAtOnce() {
        let steps = Self.stream(5000, seed: 3)
        var labelJoin = Self.labelJoin()
        let outcomes = Self.join(steps, &labelJoin)
        let evaluation = OnlineEvaluation([labelJoin.evaluationSnapshot])
        #expect(evaluation.versions.count == 1)
        #expect(evaluation.pending == steps.count - outcomes.count)
        // Labels that are known before the horizon is over are all `bought`, and are not evaluated yet.
        let sorted = outcomes.filter {
            steps[Int($0.offset)].time + Horizon.standard.milliseconds < labelJoin.progress.clock.time
        }
        .sorted { $0.offset < $1.offset }
        #expect(sorted.count > 1000 && sorted.count < outcomes.count)
        for (place, model) in ModelName.allCases.enumerated() {
            let metrics = Metrics(
                probabilities: sorted.map { Double($0.offset * 7 % 1000 + Int64(place)) / 2000 },
                labels: sorted.map(\.isBought), seed: 0)
            #expect(evaluation.versions.first?.figures[model] == metrics)
        }
        let days = evaluation.versions[0].days
        #expect(days.map(\.metrics.n).reduce(0, +) == Double(sorted.count))
        #expect(days.map(\.day) == days.map(\.day).sorted())
        #expect(days.first?.isComplete == true && days.last?.isComplete == false)
        #expect(evaluation.versions[0].calibration.reduce(0) { $0 + $1.count } == sorted.count)
    }

    @Test(arguments: [true, false]) func goesOnFromASnapshotAsIfNothingHadHappened(isFull: Bool) throws {
        for seed in 0..<12 as Range<UInt64> {
            var random = SplitMix64(seed: seed &+ 99)
            let steps = Self.stream(6000, seed: seed)
            var whole = Self.labelJoin(windowDays: 20)
            let expected = Self.join(steps, &whole)

            var labelJoin = Self.labelJoin(windowDays: 20)
            var outcomes: [(offset: Int64, isBought: Bool)] = []
            var store: [UInt64: [UInt8]] = [:]
            var at = 0
            while at < steps.count {
                let end = min(at + 300 + Int(random.next() % 900), steps.count)
                outcomes += Self.join(steps[at..<end], &labelJoin, from: Int64(at))
                labelJoin.beginSnapshot(isFull: isFull || store.isEmpty, upTo: Int64(end))
                let isKept = random.next() % 4 > 0
                // Events that come while it is written are no part of it.
                let during = min(end + Int(random.next() % 50), steps.count)
                outcomes += Self.join(steps[end..<during], &labelJoin, from: Int64(end))
                at = during
                guard isKept else {
                    labelJoin.discardSnapshot()
                    continue
                }
                if isFull { store = [:] }
                while let record = labelJoin.nextRecord() {
                    store[record.number] = record.bytes.isEmpty ? nil : record.bytes
                }
                guard random.next() % 2 == 0 else { continue }
                // A new owner sees the events after the snapshot again.
                var next = Self.labelJoin(windowDays: 20)
                try next.restore(store, atLeastUpTo: Int64(end))
                _ = Self.join(steps[end..<during], &next, from: Int64(end))
                #expect(
                    next.evaluationSnapshot.predictions.elementsEqual(labelJoin.evaluationSnapshot.predictions),
                    "seed \(seed), event \(end)")
                labelJoin = next
                // Its first snapshot may be one of changes.
            }
            #expect(outcomes.elementsEqual(expected) { $0 == $1 }, "seed \(seed)")
            #expect(labelJoin.evaluationSnapshot.predictions.elementsEqual(whole.evaluationSnapshot.predictions))
        }
    }

    /// Stored checkpoints must stay readable, and replays must repeat their outcomes: these hashes must not change.
    @Test(
        arguments: [
            (0, 12_241_346_926_875_091_715), (1, 17_502_875_826_501_361_573), (2, 14_497_933_289_246_774_903),
        ] as [(UInt64, UInt64)])
    func outcomesAndRecordsKeepTheirBytes(seed: UInt64, hash: UInt64) {
        let steps = Self.stream(9000, seed: seed)
        var labelJoin = Self.labelJoin(windowDays: 20, limit: 4000)
        var bytes: [UInt8] = []
        for first in stride(from: 0, to: steps.count, by: 700) {
            let known = Self.joinWhole(steps[first..<min(first + 700, steps.count)], &labelJoin, from: Int64(first))
            for known in known { bytes += Array("\(known.offset) \(known.isBought) \(known.by)\n".utf8) }
            labelJoin.beginSnapshot(isFull: first % 3 == 0, upTo: Int64(first + 700))
            while let record = labelJoin.nextRecord() {
                bytes += Array("\(record.number):".utf8)
                bytes += record.bytes
            }
        }
        #expect(bytes.withUnsafeBytes { contentHash($0) } == hash)
    }

    @Test func refusesADamagedSnapshotAndStaysAsItWas() throws {
        var labelJoin = Self.labelJoin()
        _ = Self.join(Self.stream(3000, seed: 1), &labelJoin)
        labelJoin.beginSnapshot(isFull: true, upTo: 3000)
        var store: [UInt64: [UInt8]] = [:]
        while let record = labelJoin.nextRecord() { store[record.number] = record.bytes }
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
            var next = Self.labelJoin()
            do {
                try next.restore(damaged, atLeastUpTo: 0)
            } catch {
                refused += 1
                #expect(next.evaluationSnapshot.predictions.first { _ in true } == nil)
            }
        }
        #expect(refused > 1000)
        var late = Self.labelJoin()
        #expect(throws: StateError.self) { try late.restore(store, atLeastUpTo: 3001) }
    }

    @Test func samplesCustomersWhenThereAreTooManyPredictions() {
        // Hashes spread over all 64 bits.
        let steps = Self.stream(40_000, seed: 8).map { step in
            var random = SplitMix64(seed: step.customer)
            return Step(
                customer: random.next(), invoice: step.invoice, time: step.time, isPurchase: step.isPurchase)
        }
        var all = Self.labelJoin(windowDays: 100_000)
        let labels = Dictionary(
            uniqueKeysWithValues: Self.join(steps, &all).map { ($0.offset, $0.isBought) })
        var sampled = Self.labelJoin(windowDays: 100_000, limit: 5000)
        let outcomes = Self.join(steps, &sampled)
        #expect(sampled.sampledShare < 1 && sampled.sampledShare > 0)
        #expect(sampled.evaluationSnapshot.predictions.count(where: { _ in true }) <= 5001)
        for (offset, isBought) in outcomes { #expect(labels[offset] == isBought) }
        let kept = Set(sampled.evaluationSnapshot.predictions.map(\.customerHash))
        // All of a kept customer's predictions are there.
        for prediction in all.evaluationSnapshot.predictions where kept.contains(prediction.customerHash) {
            #expect(sampled.evaluationSnapshot.predictions.contains { $0.offset == prediction.offset })
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
            var labelJoin = Self.labelJoin(windowDays: 100_000, limit: 3000)
            var known: [Known] = []
            for first in stride(from: 0, to: steps.count, by: size) {
                known += Self.joinWhole(
                    steps[first..<min(first + size, steps.count)], &labelJoin, from: Int64(first))
            }
            labelJoin.beginSnapshot(isFull: true, upTo: Int64(steps.count))
            var records: [[UInt8]] = []
            while let record = labelJoin.nextRecord() { records.append(record.bytes) }
            return (known, records, labelJoin.sampledShare)
        }
        let alone = run(1)
        #expect(alone.share < 0.5 && alone.share > 0 && alone.known.count > 1000)
        for size in [2, 7, 64, 1000, steps.count] {
            let together = run(size)
            #expect(together.known == alone.known && together.records == alone.records, "batches of \(size)")
        }
    }

    @Test func forgetsLabeledPredictionsOnceTheyAreOutsideTheWindow() {
        var labelJoin = Self.labelJoin(windowDays: 10)
        _ = Self.join(Self.stream(30_000, seed: 2), &labelJoin)
        let earliest = labelJoin.evaluationSnapshot.predictions.map(\.time).min()!
        #expect(
            labelJoin.progress.clock.time - earliest < 240 * Self.day,
            "a chunk at most is kept for some of its predictions")
        let evaluation = OnlineEvaluation([labelJoin.evaluationSnapshot])
        #expect(evaluation.versions[0].days.count <= 11)
    }

    /// The clock is of events: whoever is outside the sample must not move it by an instant of the schedule either.
    @Test func scheduledPredictionsOutsideTheSampleMoveNoClock() {
        var batch = LabelJoin.Batch()
        batch.begin(from: 0, sampledBelow: 0)
        batch.append(LabelJoin.Event(scheduled: 86_400_000, customerHash: .max, scores: Scores(), offset: 0))
        #expect(batch.events.isEmpty && batch.times.isEmpty)
        batch.append(LabelJoin.Event(customerHash: .max, invoiceHash: 1, time: 5, isPurchase: true, offset: 0))
        #expect(batch.times == [5])
    }

    /// On the whole history, online evaluation and `trainer evaluate` compute the same metrics.
    @Test(.enabled(if: RealHistory.path != nil, Comment(rawValue: RealHistory.skipped)))
    func onTheRealHistoryTheFiguresAreThoseOfTheEvaluation() throws {
        let artifact = try ModelArtifact(path: Checkout.models)
        try #require(artifact.manifest.holdoutModel == nil)
        var scorer = Scorer(artifact: artifact)
        var table = CustomerTable()
        var labelJoin = LabelJoin(horizon: .standard, windowDays: 1000, limit: 1_000_000)
        labelJoin.use(LabelJoin.Version(version: "v", servingModel: .blending, models: artifact.ensemble.models))
        let reader = try HistoryReader(path: try #require(RealHistory.path))
        var (offset, latest): (Int64, Int64) = (0, 0)
        var batch = LabelJoin.Batch()
        func score() {
            labelJoin.begin(&batch)
            scorer.score { prediction in
                batch.append(
                    LabelJoin.Event(
                        customerHash: prediction.customerHash, invoiceHash: prediction.invoiceHash,
                        time: prediction.time, clock: prediction.clock, isPurchase: prediction.isPurchase,
                        scores: prediction.scores, offset: offset))
                offset += 1
            }
            labelJoin.join(batch) { _, _, _ in }
        }
        while let event = try reader.next() {
            if event.isAnonymous { continue }
            scorer.add(event, tag: 0, to: &table)
            latest = max(latest, event.time)
            if scorer.pendingCount == 4096 { score() }
        }
        // Later events let the last horizons pass.
        for number in 0..<128 {
            let after = SampleEvent(customer: "after", invoice: "\(number)", time: latest + 60_000)
            try EventDecoder().with(after) { scorer.add($0, tag: 0, to: &table) }
        }
        score()
        let split = try #require(EventTime.parse("2011-09-01T00:00:00Z"))
        let test = labelJoin.evaluationSnapshot.predictions.filter {
            $0.time >= split && $0.time + Horizon.standard.milliseconds <= latest
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
