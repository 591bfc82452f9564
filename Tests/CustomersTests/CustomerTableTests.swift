import Events
import TestSupport
import Testing

@testable import Customers

@Suite struct CustomerTableTests {
    let decoder = EventDecoder()
    static let day: Int64 = 86_400_000

    /// Events of several customers over many years, in order of time but for some that are late, with idle stretches.
    static func years(_ random: inout SplitMix64, customers: Int, count: Int) -> [SampleEvent] {
        var time: Int64 = 14_000 * day
        return (0..<count).map { number in
            time += Int64(random.next() % UInt64(2 * day))
            // Each is there for a while, is away for long, and some come back.
            let group = Int(time / (300 * day)) % 7
            let customer = group * customers / 7 + Int(random.next() % UInt64(customers / 7))
            let late = random.next() % 9 == 0 ? Int64(random.next() % UInt64(40 * day)) : 0
            return SampleEvent(
                customer: "c\(customer)", invoice: "\(number / 3)", product: "P\(random.next() % 20)",
                time: time - late)
        }
    }

    /// Identifiers made so that their hashes end alike: a table that looked for them where their hashes say would walk through
    /// all of them each time.
    @Test func identifiersThatAreMadeToCollideAreFoundAtOnce() throws {
        let identifiers = (0...).lazy.map { "c\($0)" }.filter { name in
            Array(name.utf8).withUnsafeBytes { contentHash($0) } & 0xFFF == 0
        }.prefix(600)
        var tables = [CustomerTable(), CustomerTable()]
        for (number, customer) in identifiers.enumerated() {
            for place in tables.indices {
                try decoder.with(SampleEvent(customer: customer, invoice: "\(number)")) { tables[place].update($0) }
            }
        }
        for table in tables {
            table.checkInvariants(states: table.states.indices, "colliding identifiers")
            let distances = table.states.indices.map { index in
                (table.slot(of: index) - table.slotKey.home(of: table.entries[index].hash, in: table.slots.count))
                    & (table.slots.count - 1)
            }
            #expect(distances.max()! < 100, "steps of the longest search among \(table.count)")
        }
        // Chance decides where they are looked for, and nothing else.
        #expect(tables[0].slots != tables[1].slots)
        #expect(
            tables[0].states.indices.map(tables[0].customerID) == tables[1].states.indices.map(tables[1].customerID))
    }

    @Test func forgetsTheIdleAsTheRuleSays() throws {
        for seed in UInt64(0)..<12 {
            var random = SplitMix64(seed: seed)
            let events = Self.years(&random, customers: 70, count: 9000)
            var table = CustomerTable(timeToLiveDays: 365)
            // The rule, with nothing ever removed.
            var known: [String: CustomerState] = [:]
            var clock = PartitionClock()
            var fresh = 0
            for (number, event) in events.enumerated() {
                clock.observe(event.time)
                try decoder.with(event) { decoded in
                    if let last = known[event.customer]?.clock, max(clock.time, event.time) - last > 365 * Self.day {
                        known[event.customer] = nil
                        fresh += 1
                    }
                    known[event.customer, default: CustomerState(firstEvent: decoded)].update(decoded)
                    let index = table.update(decoded)
                    #expect(table.customerID(at: index) == event.customer)
                    if let found = table.states[index].difference(from: known[event.customer]!) {
                        Issue.record("seed \(seed), event \(number), \(event.customer): \(found)")
                    }
                }
            }
            let living = known.filter { clock.time - $0.value.clock <= 365 * Self.day }
            #expect(fresh > 10, "some came back after they had been forgotten")
            #expect(table.count < 2 * living.count, "\(table.count) in memory, \(living.count) alive")
            for (customer, state) in living {
                #expect(table.state(of: customer).map { $0.difference(from: state) } == .some(nil))
            }
        }
    }

    @Test func oneEventFromTheFutureForgetsNobody() throws {
        var table = CustomerTable(timeToLiveDays: 365)
        for number in 0..<500 {
            try decoder.with(SampleEvent(customer: "c\(number % 100)")) { table.update($0) }
        }
        try decoder.with(SampleEvent(customer: "x", time: EventTime.latest)) { table.update($0) }
        for number in 0..<500 {
            try decoder.with(SampleEvent(customer: "c\(number % 100)")) { table.update($0) }
        }
        #expect(table.count == 101)
        #expect(table.state(of: "c7")?.lifetime.events == 10)
    }

    /// A table made of a snapshot's records.
    func restored(_ bytes: [UInt8], onto base: CustomerTable = CustomerTable(timeToLiveDays: 365)) throws
        -> (table: CustomerTable, gone: Set<String>)
    {
        var table = base
        var gone: Set<String> = []
        try bytes.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            while !reader.isAtEnd {
                let record = try table.restore(from: &reader)
                if !record.isPresent { gone.insert(String(decoding: record.customerID, as: UTF8.self)) }
            }
        }
        return (table, gone)
    }

    func expectAlike(_ one: CustomerTable, _ other: CustomerTable, without gone: Set<String> = [], _ what: String) {
        for index in other.states.indices {
            let customer = other.customerID(at: index)
            guard let state = one.state(of: customer) else {
                Issue.record("\(what): \(customer) is missing")
                continue
            }
            if let found = state.difference(from: other.states[index]) {
                Issue.record("\(what): \(customer) differs in \(found)")
            }
        }
        let strangers = one.states.indices.count {
            other.state(of: one.customerID(at: $0)) == nil && !gone.contains(one.customerID(at: $0))
        }
        #expect(strangers == 0, "\(what): customers that are not in the table")
    }

    @Test func snapshotsTheMomentThatItWasBegunAtWhileEventsGoOn() throws {
        for seed in UInt64(0)..<20 {
            var random = SplitMix64(seed: seed)
            let events = Self.years(&random, customers: 700, count: 6000)
            var table = CustomerTable(timeToLiveDays: 365, tracksChanges: true)
            var pending: (before: CustomerTable, writer: ByteWriter, scope: CustomerTable.SnapshotScope)?
            // What a reader of all snapshots so far would have.
            var followed = CustomerTable(timeToLiveDays: 365)
            var snapshots = 0
            for event in events {
                try decoder.with(event) { table.update($0) }
                if let started = pending {
                    let (before, scope) = (started.before, started.scope)
                    var writer = started.writer
                    pending = nil
                    if random.next() % 3 == 0, try !table.writeSnapshot(into: &writer, bytes: writer.count + 900) {
                        snapshots += 1
                        let (alone, gone) = try restored(writer.bytes)
                        switch scope {
                        case .everything:
                            expectAlike(alone, before, "seed \(seed), everything")
                            #expect(gone.isEmpty)
                            followed = alone
                        case .changes:
                            followed = try restored(writer.bytes, onto: followed).table
                            for customer in gone {
                                customer.utf8.withContiguousStorageIfAvailable { bytes in
                                    let bytes = UnsafeRawBufferPointer(bytes)
                                    if let index = followed.find(bytes, hash: contentHash(bytes)) {
                                        followed.remove(index)
                                    }
                                }
                            }
                            expectAlike(followed, before, "seed \(seed), changes")
                        }
                    } else {
                        pending = (before, writer, scope)
                    }
                } else if random.next() % 50 == 0 {
                    let scope: CustomerTable.SnapshotScope = snapshots == 0 ? .everything : .changes
                    pending = (table, ByteWriter(), scope)
                    table.beginSnapshot(scope)
                }
            }
            #expect(snapshots > 5)
        }
    }

    @Test func whatADiscardedSnapshotCoveredIsInTheNext() throws {
        for seed in UInt64(0)..<20 {
            var random = SplitMix64(seed: seed)
            let events = Self.years(&random, customers: 300, count: 3000)
            var table = CustomerTable(timeToLiveDays: 365, tracksChanges: true)
            var followed = CustomerTable(timeToLiveDays: 365)
            func follow(_ writer: ByteWriter) throws {
                let next = try restored(writer.bytes, onto: followed)
                followed = next.table
                for customer in next.gone {
                    var customer = customer
                    customer.withUTF8 { bytes in
                        let bytes = UnsafeRawBufferPointer(bytes)
                        if let index = followed.find(bytes, hash: contentHash(bytes)) { followed.remove(index) }
                    }
                }
            }
            for (number, event) in events.enumerated() {
                try decoder.with(event) { table.update($0) }
                if random.next() % 40 == 0 {
                    var begun = ByteWriter()
                    table.beginSnapshot(.changes)
                    // Mostly lost; one that was small enough to be written whole counts.
                    if try !table.writeSnapshot(into: &begun, bytes: 2000) { try follow(begun) }
                }
                if random.next() % 40 == 0 { table.discardSnapshot() }
                guard number % 500 == 499 else { continue }
                table.beginSnapshot(number == 499 ? .everything : .changes)
                var writer = ByteWriter()
                while try table.writeSnapshot(into: &writer, bytes: writer.count + 500) {}
                if number == 499 { followed = CustomerTable(timeToLiveDays: 365) }
                try follow(writer)
                expectAlike(followed, table, "seed \(seed), event \(number)")
            }
        }
    }
}
