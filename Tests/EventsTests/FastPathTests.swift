import Foundation
import TestSupport
import Testing

@testable import Events

/// Every short way equals the long one that defines what it means.
@Suite struct FastPathTests {
    /// The fields as a comparable text, or the refusal.
    func outcome(_ body: (inout EventFields) throws -> Void) -> String {
        do {
            var fields = EventFields()
            try body(&fields)
            return EventField.allCases.map { "\(fields[$0].kind):\(Array(fields[$0].bytes))" }.joined(separator: " ")
        } catch {
            return "\(error)"
        }
    }

    /// Messages as a shop writes them, in the spacings that producers use.
    func messages(_ limit: Int) throws -> [[UInt8]] {
        let source: any EventSource =
            try RealHistory.path.map { try HistoryReader(path: $0) }
            ?? ShopGenerator(customers: 500, days: 100, seed: 4)
        var messages: [[UInt8]] = []
        while messages.count < limit, let next = try source.nextMessage() {
            var message = Array(next)
            if messages.count % 3 == 1 {
                let text = String(decoding: message, as: UTF8.self)
                message = Array(text.replacing("\":", with: "\": ").replacing(",\"", with: ", \"").utf8)
            }
            messages.append(message)
        }
        return messages
    }

    @Test func plainMessagesAreUnderstoodAsAnyOthers() throws {
        let decoder = FlatJSONReader(names: FieldNames(), texts: TextMemory())
        var random = SplitMix64(seed: 21)
        let odd: [String] = [
            "\\\"", "\\u00e9", "\"", "é", "\u{1F600}", " ", "\n", ",", ":", "{", "}", "null", "-", "0", "1e5", "\\",
            "\u{1}",
            "\"quantity\":1,", "[]", "true", "01", ".5", "-0", "1.", "\u{7f}",
        ]
        for var message in try messages(20_000) {
            let isWhole = random.next() % 4 == 0
            if !isWhole {
                for _ in 0..<(1 + random.next() % 3) {
                    let at = Int(random.next() % UInt64(message.count))
                    let until = min(message.count, at + Int(random.next() % 4))
                    message.replaceSubrange(at..<until, with: odd[Int(random.next() % UInt64(odd.count))].utf8)
                }
            }
            message.withUnsafeBytes { bytes in
                let fast = outcome { try decoder.read(bytes, into: &$0) }
                let slow = outcome { try decoder.readAny(bytes, into: &$0) }
                #expect(fast == slow, "\(String(decoding: bytes, as: UTF8.self))")
                #expect(!isWhole || slow.contains("string:"))
            }
        }
    }

    @Test func whatIsTakenForAMessageIsJSONOfTheSameContent() throws {
        let decoder = FlatJSONReader(names: FieldNames(), texts: TextMemory())
        var random = SplitMix64(seed: 22)
        // No exponents: Foundation refuses numbers beyond a Double.
        let odd = [
            "\\\"", "\\u00e9", "\\/", "\"", "é", " ", "\n", ",", ":", "}", "null", "\\", "[1,{\"a\":2}]", "true",
        ]
        var taken = 0
        for var message in try messages(6000) {
            let at = Int(random.next() % UInt64(message.count))
            message.replaceSubrange(at..<at, with: odd[Int(random.next() % UInt64(odd.count))].utf8)
            message.withUnsafeBytes { bytes in
                let parsed = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any]
                var fields = EventFields()
                guard (try? decoder.read(bytes, into: &fields)) != nil else { return }
                taken += 1
                guard let parsed else {
                    Issue.record("not JSON: \(String(decoding: bytes, as: UTF8.self))")
                    return
                }
                for field in EventField.allCases {
                    let text = String(decoding: fields[field].bytes, as: UTF8.self)
                    switch fields[field].kind {
                    case .string: #expect(parsed[field.name] as? String == text)
                    case .number: #expect((parsed[field.name] as? NSNumber)?.doubleValue == Double(text))
                    case .null: #expect(parsed[field.name] is NSNull)
                    case .absent: #expect(parsed[field.name] == nil)
                    case .text, .other, .instant: #expect(parsed[field.name] != nil)
                    }
                }
            }
        }
        #expect(taken > 1000)
    }

    @Test func numbersAreWrittenAsDoubleDescribesThem() {
        let room = UnsafeMutablePointer<UInt8>.allocate(capacity: ShortestDecimal.longest)
        defer { room.deallocate() }
        func text(_ value: Double) -> String {
            let end = ShortestDecimal.write(value, to: room)
            return String(decoding: UnsafeBufferPointer(start: room, count: end - room), as: UTF8.self)
        }
        var values: [Double] = [
            0, 1, 0.5, 0.25, 0.1, 0.3, 0.7, 1e-4, 1e-5, .leastNonzeroMagnitude, 2, 123456.789, -0.5, 0.0001.nextDown,
        ]
        for power in -80...60 {
            values += [pow(2, Double(power)), pow(2, Double(power)).nextUp, pow(2, Double(power)).nextDown]
        }
        for power in -22...17 {
            values += [pow(10, Double(power)), pow(10, Double(power)).nextUp, pow(10, Double(power)).nextDown]
        }
        var random = SplitMix64(seed: 23)
        for index in 0..<600_000 {
            let uniform = random.uniform()
            switch index % 6 {
            case 4:
                // Of any size that is written here, and beyond, of either sign.
                values.append((uniform - 0.5) * pow(10, Double(Int(random.next() % 44)) - 25))
            case 5: values.append((uniform * 1000).rounded() * pow(10, Double(Int(random.next() % 24)) - 12))
            case 0: values.append(uniform)
            case 1: values.append(uniform * uniform * uniform * uniform)
            case 2: values.append((uniform * 10_000).rounded() / 10_000)
            default: values.append(1 - uniform * uniform * uniform)
            }
        }
        for value in values where text(value) != value.description {
            Issue.record("\(value.description) is written as \(text(value))")
            return
        }
    }

    @Test func plainNumbersAreReadAsAnyOthers() {
        var random = SplitMix64(seed: 24)
        let alphabet = Array("0123456789012345678900..--e+ ".utf8)
        var plain = 0
        for _ in 0..<300_000 {
            let count = 1 + Int(random.next() % 18)
            let text = (0..<count).map { _ in alphabet[Int(random.next() % UInt64(alphabet.count))] }
            text.withUnsafeBytes { bytes in
                for digits in [0, 4] {
                    guard let value = FixedPoint.parsePlain(bytes, digits: digits) else { continue }
                    plain += 1
                    let slow = FixedPoint.parseAny(bytes, digits: digits)
                    #expect(slow?.value == value && slow?.exact == true, "\(String(decoding: bytes, as: UTF8.self))")
                }
            }
        }
        #expect(plain > 20_000)
    }

    @Test func plainTimesAreReadAsAnyOthersAndWrittenBack() {
        var random = SplitMix64(seed: 25)
        for index in 0..<200_000 {
            let instant =
                Int64(random.next() % UInt64(EventTime.latest + 1)) / (index % 2 == 0 ? 1 : 1000)
                * (index % 2 == 0 ? 1 : 1000)
            var text: [UInt8] = []
            EventTime.appendISO8601(instant, to: &text)
            if index % 5 == 0 { text[Int(random.next() % UInt64(text.count))] = UInt8(32 + random.next() % 90) }
            text.withUnsafeBytes { bytes in
                let slow = EventTime.parseAnyISO8601(bytes)
                #expect(EventTime.parseISO8601(bytes) == slow?.instant)
                if let fast = EventTime.parseSeconds(bytes) { #expect(fast == slow?.instant) }
                if index % 5 != 0 { #expect(slow?.instant == instant && slow?.hasOffset == true) }
            }
        }
        var values = [0, -1, -10, 12_345_678_901, Int64.max, Int64.min]
        for digits in 0..<19 {
            let power = (0..<digits).reduce(Int64(1)) { product, _ in product * 10 }
            values += [power - 1, power, power + 1, -power]
        }
        for value in values {
            var text: [UInt8] = []
            FixedPoint.appendInteger(value, to: &text)
            #expect(String(decoding: text, as: UTF8.self) == "\(value)")
        }
    }
}
