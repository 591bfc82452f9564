import Foundation
import Kafka
import LocalCluster
import TestSupport
import Testing

/// The dashboard in headless Chromium, beside a worker that is scoring.
@Suite(
    .waiting,
    .enabled(if: BrokerProcess.executable != nil, Comment(rawValue: BrokerProcess.skipped)),
    .enabled(
        if: FileManager.default.isExecutableFile(atPath: "/usr/bin/chromedriver"),
        "no chromedriver and selenium: run deploy/test.sh"))
struct BrowserTests {
    /// The real history where it is here, else a made-up shop.
    static func history(_ directory: TemporaryDirectory) throws -> String {
        if let path = RealHistory.path { return path }
        let path = "\(directory.path)/shop.csv.gz"
        let made = try Command(
            "replay", ["generate", "--customers", "2000", "--days", "400", "--seed", "1", "--output", path])
        #expect(made.status == 0, "\(made.error)")
        return path
    }

    @Test(.timeLimit(.minutes(10))) func figuresMoveAgreeAndAddUp() throws {
        let broker = try BrokerProcess()
        let directory = try TemporaryDirectory()
        let kafka = ["--set", "kafka.bootstrap.servers=\(broker.bootstrapServers)"]
        let admin = try Admin(properties: ["bootstrap.servers": broker.bootstrapServers])
        defer { admin.close() }
        for topic in ExactlyOnceTests.topics { _ = try admin.createTopic(topic, partitions: 4) }
        let port = 20_000 + Int(ProcessInfo.processInfo.processIdentifier % 10_000)
        let worker = try ChildProcess(
            worker: [
                "run", "--set", "checkpoints.directory=\(directory.path)/checkpoints", "--set", "http.port=\(port)",
                "--set", "http.dashboard_port=\(port + 1)",
            ] + kafka, log: "\(directory.path)/worker.log")
        try worker.waitForLog("partition assigned", count: 4)
        let history = try Self.history(directory)
        // All of it at once, for graded figures, and then more of it while the page is open.
        let past = try Command("replay", ["publish", "--history", history, "--topic", "customer-events"] + kafka)
        #expect(past.status == 0, "\(past.error)")
        let publisher = Process()
        publisher.executableURL = Command.executable("replay")
        publisher.arguments =
            ["publish", "--history", history, "--topic", "customer-events", "--speed", "100000"] + kafka
        publisher.currentDirectoryURL = Command.workingDirectory
        publisher.standardError = FileHandle.nullDevice
        publisher.standardOutput = FileHandle.nullDevice
        try publisher.run()
        defer {
            publisher.terminate()
            publisher.waitUntilExit()
        }
        let browser = Process()
        let output = try directory.file("browser", "")
        browser.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        browser.arguments = [
            Checkout.root.appendingPathComponent("Tests/HTTPServiceTests/browser_test.py").path,
            "http://127.0.0.1:\(port + 1)/", "http://127.0.0.1:\(port)", "--timeout", "60",
        ]
        browser.standardOutput = FileHandle(forWritingAtPath: output)
        browser.standardError = browser.standardOutput
        try browser.run()
        browser.waitUntilExit()
        let said = try String(contentsOfFile: output, encoding: .utf8)
        #expect(browser.terminationStatus == 0, "\(said)")
        #expect(said.contains("adds up"))
        #expect(worker.terminate(seconds: 60) == 0)
    }
}
