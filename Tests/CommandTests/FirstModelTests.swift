import Events
import Foundation
import FoundationNetworking
import Kafka
import LocalCluster
import TestSupport
import Testing

/// From a shop's own topic or file to a model that is served and graded, by the five commands that the README names.
@Suite(.waiting) struct FirstModelTests {
    let directory: TemporaryDirectory
    let sales: String
    let shop: String
    let models: String
    /// The model's horizon in these tests, days.
    static let horizon = 7

    /// A shop of its own names, in a file.
    init() throws {
        directory = try TemporaryDirectory()
        sales = directory.path + "/sales.csv"
        shop = directory.path + "/shop.yaml"
        models = directory.path + "/shop-models"
        let generated = directory.path + "/generated.csv"
        let arguments = ["generate", "--customers", "400", "--days", "330", "--seed", "3", "--output", generated]
        #expect(try Command("replay", arguments).status == 0)
        let text = try String(contentsOfFile: generated, encoding: .utf8)
        let header = "Member.Id,Receipt,Article No,Title,Pieces,Sold At,Item Price,Shop Country"
        try (header + text.drop { $0 != "\n" }).write(toFile: sales, atomically: true, encoding: .utf8)
    }

    private func train(_ source: [String]) throws -> Command {
        try Command(
            "trainer",
            [
                "train", "--config", "config/trainer.yaml", "--config", shop, "--set", "horizon_days=\(Self.horizon)",
                "--models", models, "--report", directory.path + "/report",
            ] + source + RetrainTests.small)
    }

    @Test func fromAFile() throws {
        let inspected = try Command("scoring-worker", ["inspect", "--file", sales, "--write", shop])
        #expect(inspected.status == 0, "\(inspected.output)\(inspected.error)")
        let trained = try train(["--history", sales])
        #expect(trained.status == 0, "\(trained.output)\(trained.error)")
        #expect(FileManager.default.fileExists(atPath: directory.path + "/report/report.html"))
        let demo = try Command(
            "scoring-worker", ["demo", "--config", shop, "--history", sales, "--models", models, "--partitions", "2"])
        #expect(demo.status == 0, "\(demo.error)")
        #expect(demo.output.contains("0 rejected"), "\(demo.output)")
        #expect(demo.output.contains("whose \(Self.horizon) days have passed"), "\(demo.output)")
    }

    @Test func fromATopic() throws {
        let broker = try EmbeddedBroker()
        defer { broker.close() }
        for topic in ["orders", "purchase-predictions"] { _ = try broker.createTopic(topic, partitions: 2) }
        // What the shop's own producers do.
        let names = try Command("scoring-worker", ["inspect", "--file", sales, "--write", shop])
        #expect(names.status == 0)
        let published = try Command(
            "replay",
            [
                "publish", "--config", shop, "--history", sales, "--topic", "orders", "--brokers",
                broker.bootstrapServers,
            ])
        #expect(published.status == 0, "\(published.error)")
        try FileManager.default.removeItem(atPath: shop)

        let cluster = ["--set", "kafka.bootstrap.servers=\(broker.bootstrapServers)", "--set", "input.topic=orders"]
        let inspected = try Command(
            "scoring-worker", ["inspect", "--config", "config/worker.yaml", "--write", shop] + cluster)
        #expect(inspected.status == 0, "\(inspected.output)\(inspected.error)")
        let trained = try train(["--from-topic", "orders", "--brokers", broker.bootstrapServers])
        #expect(trained.status == 0, "\(trained.output)\(trained.error)")
        let port = try LocalBroker.freePort()
        let worker = try ChildProcess(
            worker: [
                "run", "--config", "config/worker.yaml", "--config", shop, "--set", "models=\(models)", "--set",
                "processing.guarantee=at_least_once", "--set", "dead_letters.topic=", "--set", "checkpoints.store=none",
                "--set", "http.port=\(port)", "--set", "http.dashboard_port=0", "--set", "kafka.fetch.wait.max.ms=10",
            ] + cluster, log: directory.path + "/worker.log")
        defer { worker.kill() }
        let graded = try #require(waitForGraded(port))
        #expect(
            graded > 1000, "\((try? String(contentsOfFile: directory.path + "/worker.log", encoding: .utf8)) ?? "")")
    }

    /// How many predictions whose horizon is over the worker's status tells of.
    private func waitForGraded(_ port: UInt16) -> Int? {
        let deadline = ContinuousClock.now + .seconds(90)
        var last: Int?
        while ContinuousClock.now < deadline {
            if let url = URL(string: "http://127.0.0.1:\(port)/v1/status"), let body = try? Data(contentsOf: url) {
                last = Self.graded(body)
                if let last, last > 1000 { return last }
            }
            Thread.sleep(forTimeInterval: 0.3)
        }
        return last
    }

    private static func graded(_ body: Data) -> Int? {
        let status = try? JSONSerialization.jsonObject(with: body) as? [String: Any]
        let versions = (status?["grades"] as? [String: Any])?["versions"] as? [[String: Any]]
        let figures = versions?.first?["figures"] as? [String: [String: Any]]
        return figures?["blending"]?["n"] as? Int
    }
}
