import Events
import TestSupport
import Testing

@testable import Customers

@Suite struct UndoTests {
    let decoder = EventDecoder()

    /// A table that takes part in transactions, beside what it must be equal to.
    struct Transactions {
        let context: String
        let events: [SampleEvent]
        /// Whether an aborted transaction takes the snapshots with it that were finished in it.
        let losesSnapshots: Bool
        var random: SplitMix64
        var table = CustomerTable(timeToLiveDays: 365, tracksChanges: true)
        var position = 0
        /// The table and the next event at the undo point.
        var point: (table: CustomerTable, position: Int)?
        /// The snapshots in order, from the latest of everything on.
        var chain: [[UInt8]] = []
        /// A finished snapshot that becomes part of the chain with the next commit.
        var uncommitted: (bytes: [UInt8], scope: CustomerTable.SnapshotScope, before: CustomerTable)?
        var underWay: (writer: ByteWriter, scope: CustomerTable.SnapshotScope, before: CustomerTable)?
        var undone = 0
        var compared = 0

        mutating func chance(_ one: UInt64) -> Bool { random.next() % one == 0 }

        mutating func commit() {
            if let snapshot = uncommitted { append(snapshot.bytes, snapshot.scope, snapshot.before) }
            uncommitted = nil
            point = (table, position)
            table.setUndoPoint()
        }

        mutating func abort() {
            guard let point else {
                let undone = table.undo()
                #expect(!undone, "\(context): no undo point")
                return
            }
            let undone = table.undo()
            #expect(undone, "\(context)")
            position = point.position
            if losesSnapshots { uncommitted = nil }
            underWay = nil
            self.undone += 1
            expectEqual(table, point.table)
        }

        mutating func beginSnapshot() {
            if losesSnapshots, uncommitted != nil { return }
            let scope: CustomerTable.SnapshotScope = chain.isEmpty || chance(6) ? .everything : .changes
            underWay = (ByteWriter(), scope, table)
            table.beginSnapshot(scope)
        }

        mutating func continueSnapshot() throws {
            guard let (started, scope, before) = underWay else { return }
            var writer = started
            underWay = nil
            if try table.writeSnapshot(into: &writer, bytes: writer.count + 900) {
                underWay = (writer, scope, before)
                return
            }
            if chance(5) {
                table.discardSnapshot()
            } else if losesSnapshots {
                uncommitted = (writer.bytes, scope, before)
            } else {
                append(writer.bytes, scope, before)
            }
        }

        /// Adds a durable snapshot to the chain and reads the chain back.
        mutating func append(_ bytes: [UInt8], _ scope: CustomerTable.SnapshotScope, _ before: CustomerTable) {
            if scope == .everything { chain = [] }
            chain.append(bytes)
            compared += 1
            do {
                var restored = CustomerTable(timeToLiveDays: 365)
                for snapshot in chain { try UndoTests.apply(snapshot, to: &restored) }
                restored.checkInvariants("\(context), restored")
                #expect(restored.count == before.count, "\(context): customers in the chain")
                for index in before.states.indices {
                    let customer = before.customerID(at: index)
                    guard let state = restored.state(of: customer) else {
                        Issue.record("\(context): \(customer) is not in the chain")
                        continue
                    }
                    let found = state.difference(from: before.states[index])
                    #expect(found == nil, "\(context): \(customer) in the chain")
                }
            } catch {
                Issue.record("\(context): \(error)")
            }
        }

        /// Expects the same customers, states, order and clock, bit for bit.
        func expectEqual(_ one: CustomerTable, _ other: CustomerTable) {
            #expect(one.clock == other.clock, "\(context)")
            #expect(one.sweep == other.sweep, "\(context)")
            let (states, others) = (one.encodedStates, other.encodedStates)
            #expect(states.map(\.customer) == others.map(\.customer), "\(context)")
            #expect(states.map(\.state) == others.map(\.state), "\(context)")
        }
    }

    func expectUndo(_ table: inout CustomerTable, _ expected: Bool) {
        let isUndone = table.undo()
        #expect(isUndone == expected)
    }

    /// Applies a snapshot's records in their order.
    static func apply(_ bytes: [UInt8], to table: inout CustomerTable) throws {
        try bytes.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            while !reader.isAtEnd {
                let record = try table.restore(from: &reader)
                guard !record.isPresent else { continue }
                if let index = table.find(record.customerID, hash: contentHash(record.customerID)) {
                    table.remove(index)
                }
            }
        }
    }

    @Test(arguments: [false, true])
    func abortedTransactionsLeaveNoTrace(losesSnapshots: Bool) throws {
        var (undone, compared) = (0, 0)
        for seed in UInt64(0)..<9 {
            var random = SplitMix64(seed: seed)
            let events = CustomerTableTests.years(&random, customers: 140, count: 1800)
            var run = Transactions(
                context: "seed \(seed)", events: events, losesSnapshots: losesSnapshots, random: random)
            // Long transactions in some runs, so that customers are removed and return within one.
            let length: UInt64 = [30, 120, 700][Int(seed % 3)]
            while run.position < events.count {
                var changed: Range<Int>?
                if run.chance(length) {
                    run.commit()
                } else if run.chance(length * 2) {
                    run.abort()
                    changed = run.table.states.indices
                } else if run.underWay == nil, run.chance(40) {
                    run.beginSnapshot()
                } else if run.chance(200) {
                    run.table.discardSnapshot()
                    run.underWay = nil
                    if losesSnapshots { run.uncommitted = nil }
                } else if run.underWay != nil, run.chance(3) {
                    try run.continueSnapshot()
                } else {
                    let index = try decoder.with(events[run.position]) { run.table.update($0) }
                    changed = index..<(index + 1)
                    run.position += 1
                }
                run.table.checkInvariants(states: changed ?? 0..<0, "seed \(seed), event \(run.position)")
            }
            // A table that went through the same events without any of it.
            var straight = CustomerTable(timeToLiveDays: 365)
            for event in events { try decoder.with(event) { straight.update($0) } }
            run.expectEqual(run.table, straight)
            undone += run.undone
            compared += run.compared
        }
        #expect(undone > 50 && compared > 15, "\(undone) undone, \(compared) snapshots")
    }

    @Test func anUndoneTableGoesOnLikeItsCopy() throws {
        for seed in UInt64(100)..<115 {
            var random = SplitMix64(seed: seed)
            let events = CustomerTableTests.years(&random, customers: 140, count: 4000)
            let (cut, end) = (1000 + Int(random.next() % 500), 2000 + Int(random.next() % 800))
            var table = CustomerTable(timeToLiveDays: 365)
            for event in events[..<cut] { try decoder.with(event) { table.update($0) } }
            var copy = table
            table.setUndoPoint()
            for event in events[cut..<end] { try decoder.with(event) { table.update($0) } }
            expectUndo(&table, true)
            table.checkInvariants("seed \(seed), undone")
            for event in events[end...] {
                try decoder.with(event) { event in
                    let (index, other) = (table.update(event), copy.update(event))
                    #expect(index == other, "seed \(seed)")
                }
            }
            let (states, others) = (table.encodedStates, copy.encodedStates)
            #expect(states.map(\.customer) == others.map(\.customer), "seed \(seed)")
            #expect(states.map(\.state) == others.map(\.state), "seed \(seed)")
        }
    }

    @Test func logsNothingBeforeTheFirstUndoPoint() throws {
        var table = CustomerTable(timeToLiveDays: 365)
        var random = SplitMix64(seed: 5)
        for event in CustomerTableTests.years(&random, customers: 70, count: 3000) {
            try decoder.with(event) { table.update($0) }
        }
        #expect(table.undoLog.count == 0)
        expectUndo(&table, false)
    }

    @Test func logsACustomerOnceATransaction() throws {
        var table = CustomerTable()
        for number in 0..<10 { try decoder.with(SampleEvent(customer: "c\(number)")) { table.update($0) } }
        table.setUndoPoint()
        for number in 0..<100 { try decoder.with(SampleEvent(customer: "c\(number % 20)")) { table.update($0) } }
        #expect(table.undoLog.count == 20)
        table.setUndoPoint()
        #expect(table.undoLog.count == 0)
    }

    @Test func stopsLoggingBeyondItsLimit() throws {
        var table = CustomerTable()
        let count = 90_000
        for number in 0..<count { try decoder.with(SampleEvent(customer: "c\(number)")) { table.update($0) } }
        table.setUndoPoint()
        for number in 0..<count { try decoder.with(SampleEvent(customer: "c\(number)")) { table.update($0) } }
        #expect(table.undoLog.bytes == 0)
        expectUndo(&table, false)
        table.setUndoPoint()
        try decoder.with(SampleEvent(customer: "c7")) { table.update($0) }
        #expect(table.state(of: "c7")?.lifetime.events == 3)
        expectUndo(&table, true)
        #expect(table.state(of: "c7")?.lifetime.events == 2)
    }

    @Test func countsEpochsBeyondTheLargest() throws {
        var table = CustomerTable()
        try decoder.with(SampleEvent()) { table.update($0) }
        table.undoLog.latestEpoch = .max - 1
        for _ in 0..<4 {
            table.setUndoPoint()
            try decoder.with(SampleEvent()) { table.update($0) }
            #expect(table.undoLog.count == 1)
            expectUndo(&table, true)
            #expect(table.states[0].lifetime.events == 1)
        }
    }
}
