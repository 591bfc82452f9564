import Events
import Foundation
import TestSupport
import Testing

/// The commands doing what they are for.
@Suite(.waiting) struct CommandTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func generatesTheSameHistoryAndScoresItFromFileAndStandardInput() throws {
        let arguments = [
            "generate", "--customers", "60", "--days", "120", "--seed", "9", "--format", "ndjson", "--output",
        ]
        let file = directory.path + "/h.ndjson.gz"
        #expect(try Command("replay", arguments + [file]).status == 0)
        let generated = try Command("replay", arguments + ["-"])
        #expect(generated.output.utf8.count > 100_000)

        let output = directory.path + "/p.ndjson"
        let features = directory.path + "/f.npy"
        let fromFile = try Command(
            "replay",
            ["score", "--history", file, "--models", Checkout.models, "--output", output, "--features", features])
        #expect(fromFile.status == 0, "\(fromFile.error)")
        let fromInput = try Command(
            "replay", ["score", "--history", "-", "--models", Checkout.models, "--output", "-", "--batch", "3"],
            input: Array(generated.output.utf8))
        let payloads = try String(contentsOfFile: output, encoding: .utf8)
        #expect(fromInput.output == payloads)
        let explained = try Command(
            "replay",
            [
                "score", "--history", file, "--models", Checkout.models, "--output", "-", "--set", "explanations.top=2",
            ])
        #expect(explained.output.split(separator: "\n").count == payloads.split(separator: "\n").count)
        #expect(
            explained.output.split(separator: "\n").allSatisfy { $0.components(separatedBy: "log_odds\":").count == 4 })
        let rows = try Data(contentsOf: URL(fileURLWithPath: features))
        let count = payloads.split(separator: "\n").count
        #expect(rows.starts(with: [0x93] + Array("NUMPY".utf8)))
        #expect(String(decoding: rows[10..<128], as: UTF8.self).contains("'shape': (\(count), "))
        #expect((rows.count - 128) % (count * 4) == 0)
    }

    @Test func runsTheDemoOnAGeneratedShop() throws {
        let demo = try Command("scoring-worker", ["demo", "--events", "30000"])
        #expect(demo.status == 0, "\(demo.error)")
        #expect(demo.output.contains("30000 received"))
        #expect(demo.output.contains("30000 committed"))
        #expect(demo.output.contains("ROC-AUC"))
        #expect(demo.output.contains("most likely to return"))
    }

    @Test func printsTheFeatureTable() throws {
        let table = try Command("trainer", ["features"])
        #expect(table.status == 0)
        #expect(table.output.split(separator: "\n").count >= 63)
    }
}
