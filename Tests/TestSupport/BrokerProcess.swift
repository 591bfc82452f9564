import Foundation
import LocalCluster

/// A Kafka-speaking server in a process of its own, on loopback, with real transactions: what the embedded broker cannot
/// show. Its data go when it does.
public final class BrokerProcess {
    /// The server's executable, from FUTURE_CART_TEST_BROKER (`deploy/test.sh` installs and names it).
    public static let executable: String? = ProcessInfo.processInfo.environment["FUTURE_CART_TEST_BROKER"].flatMap {
        FileManager.default.isExecutableFile(atPath: $0) ? $0 : nil
    }
    public static let skipped = "no test broker: run deploy/test.sh, or set FUTURE_CART_TEST_BROKER"
    /// The command that starts it, as `LocalBroker` takes it.
    public static let command = "\(executable ?? "") start --only kafka --kafka-port {port} --data-dir {data}"

    public var bootstrapServers: String { broker.bootstrapServers }
    private let directory: TemporaryDirectory
    private let broker: LocalBroker

    public init() throws {
        directory = try TemporaryDirectory()
        broker = try LocalBroker(command: Self.command, directory: directory.path)
    }
}
