import Events
import TestSupport
import Testing

@testable import Customers

@Suite struct StateCodecTests {
    let decoder = EventDecoder()

    static func encoded(_ state: CustomerState) -> [UInt8] {
        var writer = ByteWriter()
        state.encode(into: &writer)
        return writer.bytes
    }

    static func decoded(_ bytes: [UInt8]) throws -> CustomerState {
        try bytes.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            let state = try CustomerState(decoding: &reader)
            guard reader.isAtEnd else { throw StateError("bytes left over") }
            return state
        }
    }

    @Test func readsBackWhatItWroteAndGoesOnAlikeForThousandsOfHistories() throws {
        for seed in UInt64(0)..<2000 {
            var random = SplitMix64(seed: seed)
            let events = SlowCustomer.random(&random, count: 2 + Int(random.next() % 80))
            let cut = 1 + Int(random.next() % UInt64(events.count - 1))
            var table = CustomerTable()
            for event in events[..<cut] { try decoder.with(event) { table.update($0) } }
            var state = try Self.decoded(Self.encoded(table.states[0]))
            if let found = state.difference(from: table.states[0]) { Issue.record("seed \(seed), read back: \(found)") }
            // Only as long as the customer is not begun anew: that is the table's business.
            for event in events[cut...] where event.time <= state.clock + 730 * 86_400_000 {
                try decoder.with(event) {
                    table.update($0)
                    state.update($0)
                }
                if let found = state.difference(from: table.states[0]) {
                    Issue.record("seed \(seed), going on: \(found)")
                    return
                }
            }
        }
    }

    @Test func refusesWhatIsCutShortAndSurvivesWhatIsChanged() throws {
        var random = SplitMix64(seed: 4)
        let events = SlowCustomer.random(&random, count: 25)
        var table = CustomerTable()
        for event in events { try decoder.with(event) { table.update($0) } }
        let bytes = Self.encoded(table.states[0])
        for count in 0..<bytes.count {
            #expect(throws: StateError.self, "\(count) bytes") { try Self.decoded(Array(bytes[..<count])) }
        }
        // A state has no checksum of its own: what changed bytes mean is for the checkpoint to detect. They must not trap.
        for at in bytes.indices {
            for value in UInt8.min...UInt8.max {
                var changed = bytes
                changed[at] = value
                guard var state = try? Self.decoded(changed) else { continue }
                try decoder.with(events[24]) { state.update($0) }
            }
        }
    }

    @Test(arguments: [0, 1, 127, 128, 16_383, 16_384, .max >> 1, .max] as [UInt64])
    func writesNumbersOfAnySize(value: UInt64) throws {
        var writer = ByteWriter()
        writer.varint(value)
        writer.signed(Int64(bitPattern: value))
        writer.signed(Int64(bitPattern: ~value))
        writer.word64(value)
        let read = try writer.bytes.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            let numbers = [
                try reader.varint(), UInt64(bitPattern: try reader.signed()), ~UInt64(bitPattern: try reader.signed()),
                try reader.word64(),
            ]
            return reader.isAtEnd ? numbers : []
        }
        #expect(read == [UInt64](repeating: value, count: 4))
    }
}
