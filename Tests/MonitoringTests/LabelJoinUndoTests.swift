import Events
import Testing

@testable import Monitoring

/// A label join that undoes is compared with a twin to which the undone events never happened.
@Suite struct LabelJoinUndoTests {
    typealias Step = LabelJoinTests.Step

    /// What a stream is like. Each case reaches another kind of change.
    enum World: CaseIterable {
        /// Few customers with long chains; chunks leave a short window.
        case fewCustomers
        /// Ever more customers: the table is rehashed.
        case manyCustomers
        /// More predictions than the limit: customers are dropped.
        case sampled
        /// Times jump back and forth, so that decided and undecided predictions are mixed in a chain.
        case disordered
        /// Some times are years ahead, as wrong dates are.
        case farAhead

        func labelJoin() -> LabelJoin {
            switch self {
            case .fewCustomers, .disordered, .farAhead: LabelJoinTests.labelJoin(windowDays: 5)
            case .manyCustomers: LabelJoinTests.labelJoin(windowDays: 20)
            case .sampled: LabelJoinTests.labelJoin(windowDays: 100_000, limit: 2500)
            }
        }

        func steps(_ count: Int, seed: UInt64) -> [Step] {
            let steps = LabelJoinTests.stream(count, seed: seed)
            var random = SplitMix64(seed: seed)
            switch self {
            case .fewCustomers: return steps
            case .manyCustomers:
                return steps.enumerated().map { index, step in
                    var step = step
                    if random.next() % 2 == 0 {
                        var hash = SplitMix64(seed: random.next() % UInt64(index + 1))
                        step.customer = hash.next() % 3 == 0 ? hash.next() % 3 : hash.next()
                    }
                    return step
                }
            case .sampled:
                return steps.map { step in
                    var (step, hash) = (step, SplitMix64(seed: step.customer))
                    step.customer = hash.next()
                    return step
                }
            case .disordered:
                return steps.map { step in
                    var step = step
                    step.time -= Int64(random.next() % 40) * LabelJoinTests.day
                    return step
                }
            case .farAhead:
                return steps.map { step in
                    var step = step
                    if random.next() % 50 == 0 { step.time += Int64(20 + random.next() % 400) * LabelJoinTests.day }
                    return step
                }
            }
        }
    }

    /// The transaction that a snapshot's records were published in is aborted: the next one covers what it covered, whether or
    /// not anything is undone, and even if the undo point was set after the snapshot was completed.
    @Test(arguments: [true, false])
    func aCompletedSnapshotThatIsLostIsCoveredAgain(undoes: Bool) throws {
        var labelJoin = LabelJoinTests.labelJoin(windowDays: 1000)
        let steps = LabelJoinTests.stream(4000, seed: 3)
        var stored: [UInt64: [UInt8]] = [:]
        func store(_ labelJoin: inout LabelJoin, isFull: Bool) {
            labelJoin.beginSnapshot(isFull: isFull, upTo: labelJoin.nextOffset)
            while let record = labelJoin.nextRecord() { stored[record.number] = record.bytes }
        }
        _ = LabelJoinTests.join(steps[..<1500], &labelJoin)
        store(&labelJoin, isFull: true)
        _ = LabelJoinTests.join(steps[1500...], &labelJoin, from: 1500)
        labelJoin.beginSnapshot(isFull: false, upTo: labelJoin.nextOffset)
        while labelJoin.nextRecord() != nil {}
        labelJoin.setUndoPoint()
        labelJoin.discardSnapshot()
        if undoes { Self.expectUndo(&labelJoin) }
        store(&labelJoin, isFull: false)
        var restored = LabelJoinTests.labelJoin(windowDays: 1000)
        try restored.restore(stored, atLeastUpTo: labelJoin.nextOffset)
        #expect(Self.records(restored) == Self.records(labelJoin))
    }

    /// A full snapshot's records.
    static func records(_ labelJoin: LabelJoin) -> [UInt64: [UInt8]] {
        var copy = labelJoin
        copy.beginSnapshot(isFull: true, upTo: copy.nextOffset)
        var records: [UInt64: [UInt8]] = [:]
        while let record = copy.nextRecord() { records[record.number] = record.bytes }
        return records
    }

    /// Everything of the state but which records the next snapshot writes.
    static func expectAlike(_ a: LabelJoin, _ b: LabelJoin, _ comment: Comment) {
        #expect(records(a) == records(b), comment)
        #expect(a.sampledShare == b.sampledShare && a.versions == b.versions, comment)
        #expect(a.progress.expiryCursor == b.progress.expiryCursor && a.progress.clock == b.progress.clock, comment)
        #expect(a.chunks.map(\.fill) == b.chunks.map(\.fill), comment)
        #expect(a.customers.count == b.customers.count && a.customers.capacity == b.customers.capacity, comment)
    }

    static func expectUndo(
        _ labelJoin: inout LabelJoin, succeeds: Bool = true, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let isUndone = labelJoin.undo()
        #expect(isUndone == succeeds, sourceLocation: sourceLocation)
    }

    /// A label join and the records of its checkpoint.
    struct Side {
        var labelJoin: LabelJoin
        var store: [UInt64: [UInt8]] = [:]
        private var isFull = true
        private var read: [(number: UInt64, bytes: [UInt8])] = []

        init(_ labelJoin: LabelJoin) { self.labelJoin = labelJoin }

        mutating func beginSnapshot(isFull: Bool) {
            self.isFull = isFull || store.isEmpty
            read = []
            labelJoin.beginSnapshot(isFull: self.isFull, upTo: labelJoin.nextOffset)
        }

        /// A checkpoint counts once it has its head, the last record.
        mutating func storeRecord() -> Bool {
            guard let record = labelJoin.nextRecord() else { return false }
            read.append(record)
            guard record.number == 0 else { return true }
            if isFull { store = [:] }
            for record in read { store[record.number] = record.bytes.isEmpty ? nil : record.bytes }
            return false
        }

        mutating func storeSnapshot(isFull: Bool) {
            beginSnapshot(isFull: isFull)
            while storeRecord() {}
        }
    }

    /// What was undone in a run.
    struct Undone {
        var transactions = 0
        var rehashes = 0
        var samplings = 0
        var removals = 0
    }

    @Test(arguments: World.allCases) func undoLeadsBackToTheUndoPoint(world: World) throws {
        var undone = Undone()
        for seed in 0..<8 as Range<UInt64> { try Self.run(world, seed: seed, &undone) }
        #expect(undone.transactions > 50)
        // The changes that the world is made for are among them.
        switch world {
        case .fewCustomers, .disordered, .farAhead: #expect(undone.removals > 0)
        case .manyCustomers: #expect(undone.rehashes > 0)
        case .sampled: #expect(undone.samplings > 0)
        }
    }

    /// Joins a stream in transactions, of which some are aborted.
    static func run(_ world: World, seed: UInt64, _ undone: inout Undone) throws {
        var random = SplitMix64(seed: seed &+ 1000)
        let steps = world.steps(12_000, seed: seed)
        var side = Side(world.labelJoin())
        var twin = world.labelJoin()
        var committedStore = side.store
        side.labelJoin.setUndoPoint()
        var at = 0
        while at < steps.count {
            let comment: Comment = "\(world), seed \(seed), event \(at)"
            let end = min(at + 1 + Int(random.next() % (random.next() % 4 == 0 ? 3000 : 200)), steps.count)
            let isAborted = random.next() % 3 == 0
            let before = (
                capacity: side.labelJoin.customers.capacity, share: side.labelJoin.sampledShare,
                firstChunk: side.labelJoin.progress.firstChunk
            )
            var outcomes: [LabelJoinTests.Known] = []
            // What others hold must stay as it is.
            let held = random.next() % 4 == 0 ? side.labelJoin.evaluationSnapshot : nil
            let heldBefore = held.map { Array($0.predictions) }
            var from = at
            while from < end {
                let to = min(from + 1 + Int(random.next() % 500), end)
                outcomes += LabelJoinTests.joinWhole(steps[from..<to], &side.labelJoin, from: Int64(from))
                from = to
                switch random.next() % 12 {
                case 0: side.storeSnapshot(isFull: random.next() % 2 == 0)
                case 1: side.beginSnapshot(isFull: random.next() % 2 == 0)
                case 2...4: _ = side.storeRecord()
                case 5: side.labelJoin.discardSnapshot()
                default: break
                }
                side.labelJoin.checkInvariants(comment)
            }
            if isAborted {
                undone.transactions += 1
                if side.labelJoin.customers.capacity != before.capacity { undone.rehashes += 1 }
                if side.labelJoin.sampledShare != before.share { undone.samplings += 1 }
                if side.labelJoin.progress.firstChunk != before.firstChunk { undone.removals += 1 }
                Self.expectUndo(&side.labelJoin)
                // Checkpoint records are aborted with the transaction, or are durable without it.
                if random.next() % 2 == 0 { side.store = committedStore }
                side.labelJoin.checkInvariants(comment)
                Self.expectAlike(side.labelJoin, twin, comment)
            } else {
                let known = LabelJoinTests.joinWhole(steps[at..<end], &twin, from: Int64(at))
                #expect(outcomes == known, comment)
                Self.expectAlike(side.labelJoin, twin, comment)
                side.labelJoin.setUndoPoint()
                committedStore = side.store
                at = end
            }
            if let held { #expect(Array(held.predictions) == heldBefore, comment) }
            // Whatever was undone, the next snapshot of changes has all changes since the last durable one.
            if random.next() % 4 == 0 {
                side.storeSnapshot(isFull: false)
                var restored = world.labelJoin()
                try restored.restore(side.store, atLeastUpTo: twin.nextOffset)
                restored.checkInvariants(comment)
                #expect(
                    restored.evaluationSnapshot.predictions.elementsEqual(twin.evaluationSnapshot.predictions), comment)
                side.labelJoin.setUndoPoint()
                committedStore = side.store
            }
        }
    }

    @Test func undoingTwiceLeadsToTheSameState() {
        let steps = World.fewCustomers.steps(9000, seed: 77)
        var labelJoin = World.fewCustomers.labelJoin()
        _ = LabelJoinTests.join(steps[..<5000], &labelJoin)
        let twin = labelJoin
        labelJoin.setUndoPoint()
        for end in [9000, 5001, 7000] {
            _ = LabelJoinTests.join(steps[5000..<end], &labelJoin, from: 5000)
            Self.expectUndo(&labelJoin)
            Self.expectAlike(labelJoin, twin, "events up to \(end)")
        }
        Self.expectUndo(&labelJoin)
        Self.expectAlike(labelJoin, twin, "no events")
    }

    /// Outcomes are published as they come; what fails in the middle of an event must be undone as well.
    @Test func undoesAnEventThatAFailureInterrupted() {
        struct Failure: Error {}
        let steps = World.fewCustomers.steps(8000, seed: 5)
        var labelJoin = World.fewCustomers.labelJoin()
        _ = LabelJoinTests.join(steps[..<4000], &labelJoin)
        let twin = labelJoin
        labelJoin.setUndoPoint()
        for failing in [0, 1, 17, 300] {
            var batch = LabelJoin.Batch()
            labelJoin.begin(&batch)
            for (offset, step) in steps.enumerated().dropFirst(4000) {
                batch.append(LabelJoinTests.event(step, offset: Int64(offset)))
            }
            var outcomes = 0
            #expect(throws: Failure.self) {
                try labelJoin.join(batch) { _, _, _ in
                    if outcomes == failing { throw Failure() }
                    outcomes += 1
                }
            }
            Self.expectUndo(&labelJoin)
            labelJoin.checkInvariants("outcome \(failing)")
            Self.expectAlike(labelJoin, twin, "outcome \(failing)")
        }
    }

    @Test func aVersionSetSinceTheUndoPointIsGone() {
        let steps = World.fewCustomers.steps(300, seed: 1)
        var labelJoin = World.fewCustomers.labelJoin()
        labelJoin.setUndoPoint()
        let twin = labelJoin
        labelJoin.use(LabelJoin.Version(version: "v2", servingModel: .xgboost, models: [.xgboost]))
        _ = LabelJoinTests.join(steps, &labelJoin)
        Self.expectUndo(&labelJoin)
        Self.expectAlike(labelJoin, twin, "a version")
    }

    @Test func withoutAnUndoPointThereIsNoUndo() throws {
        let steps = World.fewCustomers.steps(3000, seed: 2)
        var labelJoin = World.fewCustomers.labelJoin()
        Self.expectUndo(&labelJoin, succeeds: false)
        _ = LabelJoinTests.join(steps[..<2000], &labelJoin)
        #expect(labelJoin.journal.slots.isEmpty && labelJoin.journal.cases.isEmpty)
        labelJoin.setUndoPoint()
        try labelJoin.restore(Self.records(labelJoin), atLeastUpTo: 2000)
        Self.expectUndo(&labelJoin, succeeds: false)
    }

    @Test func tooManyChangesAreNotUndone() {
        let steps = World.fewCustomers.steps(6000, seed: 3)
        var labelJoin = World.fewCustomers.labelJoin()
        labelJoin.journal = LabelJoinJournal(byteLimit: 1 << 16)
        _ = LabelJoinTests.join(steps[..<1000], &labelJoin)
        labelJoin.setUndoPoint()
        _ = LabelJoinTests.join(steps[1000..<1100], &labelJoin, from: 1000)
        #expect(!labelJoin.journal.slots.isEmpty && !labelJoin.journal.cases.isEmpty)
        _ = LabelJoinTests.join(steps[1100..<5000], &labelJoin, from: 1100)
        #expect(labelJoin.journal.slots.isEmpty && labelJoin.journal.cases.isEmpty)
        Self.expectUndo(&labelJoin, succeeds: false)
        // The next undo point works again.
        let twin = labelJoin
        labelJoin.setUndoPoint()
        _ = LabelJoinTests.join(steps[5000..<5500], &labelJoin, from: 5000)
        Self.expectUndo(&labelJoin)
        Self.expectAlike(labelJoin, twin, "after an overflow")
    }
}
