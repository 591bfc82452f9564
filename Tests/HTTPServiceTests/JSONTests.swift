import Events
import Foundation
import TestSupport
import Testing

@testable import HTTPService

/// What bodies must be, byte for byte.
@Suite struct JSONTests {
    let rig: Rig

    init() throws { rig = try Rig() }

    @Test(arguments: [
        ("", 0), ("{", 1), ("{\"events\":[}", 11), ("{\"events\":[]", 12), ("{\"events\":[]}}", 13), ("{'a':1}", 1),
        ("{\"events\":[01]}", 12), ("{\"events\":[1e]}", 13), ("{\"events\":[nul]}", 11), ("{\"a\":\"\u{0}\"}", 6),
        ("{\"a\":\"\\ud800\"}", 12), ("\u{0}", 0), ("{\"a\":NaN}", 5), ("{\"a\":1,}", 7),
    ])
    func whatIsNotJSONIsRefusedWithItsPlace(body: String, position: Int) async throws {
        for path in ["/v1/score", "/v1/score/features"] {
            let json = try await rig.post(path, body).expect(.malformedJSON)
            #expect(json["position"] as? Int == position, "\(path): \(json["detail"] ?? "")")
        }
    }

    @Test(arguments: [
        "{\"events\":[],\"events\":[]}", "{\"events\":[],\"\\u0065vents\":[]}", "{\"events\":[{\"a\":1,\"a\":2}]}",
        "{\"events\":[{\"a\":{\"b\":1,\"\\u0062\":2}}]}", "{\"features\":{\"frequency\":1,\"frequency\":2}}",
        "{\"features\":{\"x\":1,\"x\":2}}", "{\"features\":{\"frequency\":1,\"\\u0066requency\":2}}",
    ])
    func aNameTwiceInOneObjectIsRefused(body: String) async throws {
        for path in ["/v1/score", "/v1/score/features"] {
            let json = try await rig.post(path, body).expect(.malformedJSON)
            #expect((json["detail"] as? String)?.contains("twice") == true)
        }
    }

    @Test(.timeLimit(.minutes(2))) func oneNameOfManyTwiceIsFound() async throws {
        let names = (0..<60_000).map { "\"k\($0)\":1" }
        let json = try await rig.post("/v1/score", "{\"events\":[{\(names.joined(separator: ",")),\"k7\":1}]}")
            .expect(.malformedJSON)
        #expect((json["detail"] as? String)?.contains("\"k7\" stands twice") == true)
    }

    @Test func nestingEndsAtThirtyTwoLevels() async throws {
        func nested(_ levels: Int) -> String {
            "{\"events\":" + String(repeating: "[", count: levels - 1) + String(repeating: "]", count: levels - 1) + "}"
        }
        try await rig.post("/v1/score", nested(32)).expect(.badEvent)
        let json = try await rig.post("/v1/score", nested(33)).expect(.malformedJSON)
        #expect((json["detail"] as? String)?.contains("nested too deep") == true)
        try await rig.post("/v1/score", nested(10_000)).expect(.malformedJSON)
        try await rig.post("/v1/score", String(repeating: "[", count: 100_000)).expect(.malformedJSON)
        try await rig.post("/v1/score/features", String(repeating: "{\"a\":", count: 100_000)).expect(.malformedJSON)
    }

    /// Foundation reads the same bodies, but for what it lets pass.
    @Test func whatIsTakenForJSONIsWhatFoundationTakes() throws {
        var random = SplitMix64(seed: 5)
        let pieces = [
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "\"\\n\"", "1", "-0", "1.5e3", "true", "null", " ",
            "\"c\":1",
        ]
        var taken = 0
        for round in 0..<20_000 {
            let count = 1 + Int(random.next() % 9)
            let body = (0..<count).map { _ in pieces[Int(random.next() % UInt64(pieces.count))] }.joined()
            let isJSON =
                (try? JSONSerialization.jsonObject(with: Data(body.utf8), options: .fragmentsAllowed)) != nil
            var cursor = JSONCursor(UnsafeRawBufferPointer(start: nil, count: 0))
            let isTaken = Array(body.utf8).withUnsafeBytes { bytes in
                cursor = JSONCursor(bytes)
                do {
                    try cursor.skipValueStrictly(levels: 32)
                    cursor.skipSpace()
                    return cursor.at == bytes.count
                } catch {
                    return "\(error)".contains("twice") && isJSON
                }
            }
            #expect(isTaken == isJSON, "round \(round): \(body)")
            if isTaken { taken += 1 }
        }
        #expect(taken > 500)
    }

    @Test func numbersAreReadAsTheNearestFloat() {
        var random = SplitMix64(seed: 6)
        for round in 0..<200_000 {
            let text: String =
                switch round % 5 {
                case 0: "\(Float(bitPattern: UInt32(truncatingIfNeeded: random.next()) & 0x7F7F_FFFF))"
                case 1: "-\(random.next() % 100_000).\(random.next() % 1_000_000)"
                case 3: "0.\(1_000_000_000 + random.next() % 8_999_999_999)\(10_000_000 + random.next() % 89_999_999)"
                case 2: "\(Double(Float(bitPattern: UInt32(0x3F00_0000 + random.next() % 0x100_0000))) + 2.98e-8)"
                default: "\(random.next() % (1 << 40))"
                }
            let read = Array(text.utf8).withUnsafeBytes { DecimalText.float($0) }
            #expect(read == Float(text), "\(text)")
        }
        for text in ["1e39", "-1e999", "123456789012345678901234567890123456789012"] {
            #expect(Array(text.utf8).withUnsafeBytes { DecimalText.float($0) } == nil)
        }
    }

    @Test func numbersAreWrittenSoThatTheyReadBack() throws {
        var random = SplitMix64(seed: 7)
        for _ in 0..<50_000 {
            let value = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
            let text = String(decoding: JSONWriter.text { $0.number(value) }, as: UTF8.self)
            if value.isFinite {
                #expect(Float(text)?.bitPattern == value.bitPattern, "\(text)")
            } else {
                #expect(text == "null")
            }
        }
        #expect(JSONWriter.text { $0.number(Double.nan) } == Array("null".utf8))
        #expect(JSONWriter.text { $0.number(-Double.infinity) } == Array("null".utf8))
    }
}
