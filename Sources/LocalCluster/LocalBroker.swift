import Foundation
import Kafka
import Synchronization

/// A broker in a child process, listening on loopback.
package final class LocalBroker {
    /// The address to give to clients as `bootstrap.servers`.
    package let bootstrapServers: String
    private let arguments: [String]
    private let log: String
    private var process: ChildProcess?

    /// Starts the broker and waits until it answers.
    ///
    /// - Parameters:
    ///   - command: The command line, split at spaces; `{port}` and `{data}` stand for the port and the data directory.
    ///   - directory: Where the broker's data directory and log go.
    /// - Throws: `LocalBrokerError` if it does not answer within 60 seconds.
    package init(command: String, directory: String) throws {
        let port = try Self.freePort()
        bootstrapServers = "127.0.0.1:\(port)"
        log = "\(directory)/broker.log"
        arguments =
            ["/usr/bin/env"]
            + command.split(separator: " ").map {
                String($0).replacing("{port}", with: "\(port)").replacing("{data}", with: "\(directory)/broker")
            }
        try start()
    }

    /// Starts the broker again on the data that it has left, and waits until it answers.
    ///
    /// - Throws: `LocalBrokerError` if it does not answer within 60 seconds.
    package func start() throws {
        process = try ChildProcess(arguments, log: log)
        let admin = try Admin(properties: ["bootstrap.servers": bootstrapServers])
        defer { admin.close() }
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do {
                _ = try admin.partitionCount(of: "any", timeoutMilliseconds: 1000)
                return
            } catch {
                guard process?.isRunning == true, ContinuousClock.now < deadline else {
                    throw LocalBrokerError(
                        "the broker does not answer: \(error); see \(log), and run \(arguments.joined(separator: " "))")
                }
                Thread.sleep(forTimeInterval: 0.1)
            }
        }
    }

    /// Stops the broker. It gets five seconds, because some brokers wait until their clients have gone; then it is killed.
    package func stop() {
        _ = process?.stop(seconds: 5)
        process = nil
    }

    /// Creates the topics that are not there yet, and waits until the cluster knows them.
    ///
    /// - Throws: `KafkaError` if the broker refuses or does not answer; `LocalBrokerError` if it does not come to know them.
    package func create(_ topics: [String], partitions: Int) throws {
        let admin = try Admin(properties: ["bootstrap.servers": bootstrapServers])
        defer { admin.close() }
        for topic in topics { try admin.createTopic(topic, partitions: partitions) }
        // Kafka answers before every broker has heard of a new topic.
        let deadline = ContinuousClock.now + .seconds(30)
        for topic in topics {
            while try admin.partitionCount(of: topic, timeoutMilliseconds: 5000) == nil {
                guard ContinuousClock.now < deadline else {
                    throw LocalBrokerError("the broker has created \(topic) and does not know it; see \(log)")
                }
                Thread.sleep(forTimeInterval: 0.05)
            }
        }
    }

    /// Deletes a topic, if there is one.
    ///
    /// - Throws: `KafkaError` if the broker refuses or does not answer.
    package func delete(_ topic: String) throws(KafkaError) {
        let admin = try Admin(properties: ["bootstrap.servers": bootstrapServers])
        defer { admin.close() }
        _ = try admin.deleteTopic(topic)
    }

    /// Finds a port of loopback that nobody listens on at the moment, and that this process has not been given before.
    ///
    /// - Throws: `LocalBrokerError` if there is none.
    package static func freePort() throws(LocalBrokerError) -> UInt16 {
        for _ in 0..<100 {
            let port = try unusedPort()
            // Whoever was given a port may not listen on it yet.
            if given.withLock({ $0.insert(port).inserted }) { return port }
        }
        throw LocalBrokerError("no free port on loopback")
    }

    /// The ports that this process has given out.
    private static let given = Mutex<Set<UInt16>>([])

    private static func unusedPort() throws(LocalBrokerError) -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw LocalBrokerError("no free port on loopback") }
        return UInt16(bigEndian: address.sin_port)
    }
}

/// A local broker that cannot be started, and why.
package struct LocalBrokerError: Error, CustomStringConvertible {
    /// The reason, with what to look at.
    package let description: String
    init(_ description: String) { self.description = description }
}
