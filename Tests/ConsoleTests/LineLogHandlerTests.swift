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
            try JSONSerialization.jsonObject(with: Data(lines.all[0].utf8)) as? [String: String])
        #expect(object["message"] == "bad\nnews \"\u{7}" && object["level"] == "warning")
        #expect(object["reason"] == "line\nbreak" && object["time"]?.hasPrefix("20") == true)
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
