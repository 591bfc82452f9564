import Events
import Foundation
import TestSupport
import Testing

/// What a user sees who gives something bad: a message that names it, an exit code that is not 0, nothing half-written.
@Suite(.waiting) struct BadInputTests {
    let directory: TemporaryDirectory
    let models = Checkout.models

    init() throws { directory = try TemporaryDirectory() }

    static let header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

    func expectFailure(
        _ command: Command, _ message: String, status: Int32 = 1, _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(command.status == status, "\(command.error)", sourceLocation: location)
        #expect(command.error.contains(message), "\(command.error)", sourceLocation: location)
        #expect(!command.error.contains("Fatal error"), sourceLocation: location)
    }

    /// Scores a history and expects it to fail without leaving a file.
    func score(_ history: String, _ message: String, _ location: SourceLocation = #_sourceLocation) throws {
        let output = directory.path + "/out.ndjson"
        let features = directory.path + "/out.npy"
        let command = try Command(
            "replay", ["score", "--history", history, "--models", models, "--output", output, "--features", features])
        expectFailure(command, message, location)
        let left = try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { $0.hasPrefix("out") }
        #expect(left == [], sourceLocation: location)
    }

    @Test func aMissingHistory() throws {
        try score("/nowhere/history.csv", "/nowhere/history.csv: cannot be opened: No such file or directory")
    }

    @Test func anEmptyHistory() throws {
        let empty = try directory.file("empty.csv", "")
        try score(empty, "empty.csv: is empty")
        let models = directory.path + "/models"
        expectFailure(
            try Command("trainer", ["train", "--history", empty, "--models", models]), "empty.csv: is empty", status: 4)
        let header = try directory.file("header.csv", Self.header)
        expectFailure(
            try Command("trainer", ["train", "--history", header, "--models", models]), "not one with a customer",
            status: 4)
        #expect(!FileManager.default.fileExists(atPath: models))
        try score(header, "header.csv: holds no events")
    }

    @Test func aDateThatCannotBe() throws {
        let history = try directory.file(
            "dates.csv", Self.header + "1,A,d,1,2010-12-01 08:26:00,1,5,UK\n2,A,d,1,9999-12-01 08:26:00,1,5,UK\n")
        let train = ["train", "--history", history, "--models", directory.path + "/models"]
        expectFailure(
            try Command("trainer", train),
            "dates.csv:3: field \"invoice_date\": is 9999-12-01T08:26:00Z, which is later than its message or file",
            status: 4)
        // As long as the history, which no shop has been open.
        expectFailure(
            try Command("trainer", train + ["--set", "events.max_ahead=2930000d"]), "dates.csv:3): is a date wrong?",
            status: 4)
    }

    @Test func placesThatCannotBeWritten() throws {
        let history = try directory.file("h.ndjson", SampleEvent().json)
        let score = ["score", "--history", history, "--models", models, "--output"]
        expectFailure(
            try Command("replay", score + ["/dev/full"]), "/dev/full: cannot be written: No space left on device")
        expectFailure(try Command("replay", score + ["/nowhere/x"]), "/nowhere/x: cannot be written")
        expectFailure(try Command("replay", score + ["-", "--features", "/dev/null"]), "features need a plain file")
        let both = directory.path + "/both"
        expectFailure(try Command("replay", score + [both, "--features", both]), "must be two files", status: 64)
        #expect(!FileManager.default.fileExists(atPath: both))
    }

    @Test func aBadDate() throws {
        let rows = "1,A,d,1,2010-12-01 08:26:00,1,5,UK\n2,A,d,1,31/31/2010 8:26,1,5,UK\n"
        try score(
            try directory.file("bad.csv", Self.header + rows),
            "bad.csv:3: field \"invoice_date\": must be a time")
    }

    @Test func aWrongTypeInJSON() throws {
        let line = String(decoding: SampleEvent().json, as: UTF8.self)
        try score(
            try directory.file("bad.ndjson", line + "\n" + line.replacing(":6", with: ":\"six\"")),
            "bad.ndjson:2: field \"quantity\": must be a number, found \"six\"")
    }

    @Test func truncatedGzip() throws {
        let whole = directory.path + "/whole.csv.gz"
        #expect(
            try Command("replay", ["generate", "--customers", "200", "--days", "200", "--output", whole]).status == 0)
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: whole)))
        let cut = try directory.file("cut.csv.gz", Array(bytes[..<(bytes.count / 2)]))
        try score(cut, "cut.csv.gz: gzip data end too early: the file is truncated")
        expectFailure(
            try Command("trainer", ["train", "--history", cut, "--models", directory.path + "/models"]), "truncated",
            status: 4)
        #expect(!FileManager.default.fileExists(atPath: directory.path + "/models"))
    }

    @Test func anUnknownConfigurationKey() throws {
        let config = try directory.file("worker.yaml", "input:\n  topci: orders\n")
        expectFailure(
            try Command("scoring-worker", ["run", "--config", config]),
            "worker.yaml:2:3: unknown key 'input.topci'; did you mean 'input.topic'?", status: 2)
        expectFailure(
            try Command("trainer", ["train", "--history", "x", "--models", "y", "--set", "xgboost.ronds=5"]),
            "--set xgboost.ronds: unknown key 'xgboost.ronds'; did you mean 'xgboost.rounds'?", status: 2)
        expectFailure(
            try Command("scoring-worker", ["run"], environment: ["FUTURE_CART_WORKER_THREADS": "many"]),
            "FUTURE_CART_WORKER_THREADS", status: 2)
        expectFailure(
            try Command("scoring-worker", ["run", "--set", "priority.high=0.2"]), "priority.high", status: 2)
        expectFailure(
            try Command(
                "replay",
                [
                    "score", "--history", "x", "--models", "y", "--output", "-", "--set",
                    "fields.quantity=order..quantity",
                ]),
            "'fields.quantity': must be a path such as order.items", status: 2)
        expectFailure(
            try Command(
                "replay",
                ["score", "--history", "x", "--models", "y", "--output", "-", "--set", "events.time=yyyy/dd"]),
            "'events.time': must be auto, iso8601", status: 2)
        expectFailure(
            try Command(
                "replay",
                ["score", "--history", "x", "--models", "y", "--output", "-", "--set", "events.time_zone=Mars"]),
            "'events.time_zone': must be a time zone such as Europe/London, found 'Mars'", status: 2)
    }

    @Test func anUnreachableBroker() throws {
        let options = ["--set", "kafka.bootstrap.servers=127.0.0.1:1", "--set", "startup.deadline=500ms"]
        expectFailure(
            try Command("scoring-worker", ["run"] + options),
            "no connection to Kafka at 127.0.0.1:1: nothing listens on the broker's port; check kafka.bootstrap.servers"
        )
        let history = try directory.file("h.ndjson", SampleEvent().json)
        expectFailure(
            try Command("replay", ["publish", "--history", history, "--topic", "events"] + options),
            "no connection to Kafka at 127.0.0.1:1: nothing listens on the broker's port; check kafka.bootstrap.servers"
        )
    }

    @Test func aDamagedArtifact() throws {
        let artifact = directory.path + "/artifact"
        let current = try FileManager.default.destinationOfSymbolicLink(atPath: models + "/current")
        try FileManager.default.copyItem(atPath: "\(models)/\(current)", toPath: artifact)
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: artifact + "/random_forest.ubj")))
        bytes[bytes.count / 2] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: artifact + "/random_forest.ubj"))
        let history = try directory.file("h.ndjson", SampleEvent().json)
        for command in [
            try Command("replay", ["score", "--history", history, "--models", artifact, "--output", "-"]),
            try Command("scoring-worker", ["run", "--set", "models=\(artifact)"]),
            try Command("trainer", ["evaluate", "--history", history, "--models", artifact]),
        ] { expectFailure(command, "random_forest.ubj: does not match its digest") }
    }

    @Test func figuresThatWouldFlatter() throws {
        // A history that ends before the artifact's training did: its test period is what the artifact learned from.
        let early = directory.path + "/early.csv"
        #expect(
            try Command("replay", ["generate", "--customers", "300", "--days", "240", "--output", early]).status == 0)
        expectFailure(
            try Command("trainer", ["evaluate", "--history", early, "--models", models]), "would flatter it")
    }

    @Test func noArtifactAtAll() throws {
        expectFailure(
            try Command("scoring-worker", ["demo", "--models", directory.path]),
            "make one with: trainer train --history")
    }

    @Test func badUsage() throws {
        let usage: Int32 = 64
        expectFailure(
            try Command("replay", ["generate", "--customers", "0", "--days", "1"]), "--customers must be", status: usage
        )
        expectFailure(
            try Command("replay", ["publish", "--history", "h", "--topic", "t", "--speed", "fast"]), "--speed",
            status: usage)
        expectFailure(try Command("trainer", ["train", "--models", "m"]), "--history", status: usage)
    }

    /// What cannot be logged is lost, and nothing else.
    @Test(arguments: ["2>/dev/full", "2>&-", "2>&1 | true"])
    func aLogThatCannotBeWritten(redirection: String) throws {
        let settings = [
            "kafka.bootstrap.servers=127.0.0.1:1", "startup.deadline=1s", "models=\(models)", "http.enabled=false",
        ]
        let arguments = settings.map { "--set '\($0)'" }.joined(separator: " ")
        let worker = Command.executable("scoring-worker").path
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/bash")
        shell.arguments = [
            "-c", "\(worker) run --log-level trace \(arguments) \(redirection); exit ${PIPESTATUS[0]}",
        ]
        shell.standardOutput = FileHandle.nullDevice
        try shell.run()
        shell.waitUntilExit()
        #expect(shell.terminationStatus == 1, "Kafka cannot be reached: no crash, and no signal")
    }

    @Test func aCommitIntervalBeyondTheTransaction() throws {
        func run(_ settings: String...) throws -> Command {
            try Command(
                "scoring-worker",
                ["run", "--set", "kafka.bootstrap.servers=127.0.0.1:1", "--set", "startup.deadline=1s"]
                    + settings.flatMap { ["--set", $0] })
        }
        expectFailure(
            try run("commit.interval=11s"), "may be half of Kafka's transaction.timeout.ms (20000) at most", status: 2)
        expectFailure(
            try run("commit.interval=3s", "kafka.transaction.timeout.ms=5000"), "transaction.timeout.ms (5000)",
            status: 2)
        for allowed in [["commit.interval=10s"], ["commit.interval=11s", "processing.guarantee=at_least_once"]] {
            let command = try Command(
                "scoring-worker",
                ["run", "--set", "kafka.bootstrap.servers=127.0.0.1:1", "--set", "startup.deadline=1s"]
                    + (allowed + ["http.enabled=false", "models=\(models)"]).flatMap { ["--set", $0] })
            expectFailure(command, "no connection to Kafka")
        }
    }
}
