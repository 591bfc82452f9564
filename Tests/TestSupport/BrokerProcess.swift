import Foundation
import LocalCluster

/// A Kafka-speaking server in a process of its own, on loopback, with real transactions: what the embedded broker cannot
/// show. Its data go when it does.
public final class BrokerProcess {
    /// Whether it is the Apache Kafka that KAFKA_HOME names.
    public static let isApacheKafka = ProcessInfo.processInfo.environment["KAFKA_HOME"]?.isEmpty == false
    public static let needsApacheKafka = "no Apache Kafka: set KAFKA_HOME to a distribution of 4.0 or newer"

    /// The server's executable: with KAFKA_HOME what runs that, otherwise FUTURE_CART_TEST_BROKER (`deploy/test.sh` installs
    /// and names it).
    public static let executable: String? = {
        if isApacheKafka { return Checkout.root.appendingPathComponent("deploy/apache_kafka.sh").path }
        return ProcessInfo.processInfo.environment["FUTURE_CART_TEST_BROKER"].flatMap {
            FileManager.default.isExecutableFile(atPath: $0) ? $0 : nil
        }
    }()
    public static let skipped = "no test broker: run deploy/test.sh, or set FUTURE_CART_TEST_BROKER or KAFKA_HOME"
    /// The command that starts it, as `LocalBroker` takes it.
    public static let command =
        isApacheKafka
        ? "\(executable ?? "") {port} {data}"
        : "\(executable ?? "") start --only kafka --kafka-port {port} --data-dir {data}"

    public var bootstrapServers: String { broker.bootstrapServers }
    private let directory: TemporaryDirectory
    private let broker: LocalBroker

    public init() throws {
        directory = try TemporaryDirectory()
        broker = try LocalBroker(command: Self.command, directory: directory.path)
    }
}
