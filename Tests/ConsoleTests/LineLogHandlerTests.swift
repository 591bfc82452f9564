import Console
import Foundation
import Logging
import Synchronization
import Testing

@Suite struct LineLogHandlerTests {
    final class Lines: Sendable {
        private let kept = Mutex<[String]>([])
        let second = Atomic<Int>(0)
        var all: [String] { kept.withLock { $0 } }

        func logger(_ format: LineLogHandler.Format, perSecond: Int = 3) -> Logger {
            let limit = LineLimit(perSecond: perSecond) { self.second.load(ordering: .relaxed) }
            return Logger(label: "worker") { label in
                LineLogHandler(label: label, format: format, limit: limit) { line in
                    self.kept.withLock { $0.append(line) }
                }
            }
        }
    }

    @Test func writesOneJSONObjectALineWhateverIsInIt() throws {
        let lines = Lines()
        lines.logger(.json).warning(
            "bad\nnews \"\u{7}", metadata: ["reason": "line\nbreak", "time": "never", "nested": ["a": "b"]])
        #expect(lines.all.count == 1)
        #expect(lines.all[0].filter(\.isNewline).count == 1)
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(lines.all[0].utf8)) as? [String: Any])
        #expect(object["message"] as? String == "bad\nnews \"\u{7}" && object["level"] as? String == "warning")
        #expect(object["reason"] as? String == "line\nbreak" && (object["time"] as? String)?.hasPrefix("20") == true)
        #expect(object["nested"] as? [String: String] == ["a": "b"])
    }

    @Test func numbersAreNumbersInJSONAndWhatOnlyLooksLikeOneIsNot() throws {
        let lines = Lines()
        lines.logger(.json).info(
            "state",
            metadata: [
                "customers": .stringConvertible(4372), "seconds": .stringConvertible(0.5), "customer": "17850",
                "offsets": .array([.stringConvertible(Int64.max), .stringConvertible(true)]),
                "rate": .stringConvertible(Double.infinity),
            ])
        #expect(lines.all[0].contains("\"customers\":4372,"), "\(lines.all[0])")
        #expect(lines.all[0].contains("\"seconds\":0.5,") && lines.all[0].contains("\"customer\":\"17850\""))
        #expect(lines.all[0].contains("\"offsets\":[9223372036854775807,true]"))
        #expect(lines.all[0].contains("\"rate\":\"inf\""))
    }

    @Test func textFromOutsideBeginsNoLineOfItsOwn() {
        let lines = Lines()
        lines.logger(.text).error("failed", metadata: ["reason": "x\n2026-01-01 info all is well"])
        #expect(lines.all.count == 1 && lines.all[0].filter(\.isNewline).count == 1)
    }

    @Test func holdsBackWhatComesTooOftenAndSaysHowMuch() {
        let lines = Lines()
        let logger = lines.logger(.text)
        for _ in 0..<10 { logger.info("the same") }
        logger.info("another")
        #expect(lines.all.count == 4)
        lines.second.store(1, ordering: .relaxed)
        logger.info("the same")
        #expect(lines.all.count == 5 && lines.all[4].contains("suppressed=7"))
        logger.info("the same")
        #expect(!lines.all[5].contains("suppressed"))
    }
}
