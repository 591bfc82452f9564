import CRDKafka
import Synchronization

/// A Kafka cluster inside this process, listening on loopback: for demonstrations and tests.
///
/// It is librdkafka's mock cluster. Consumers, groups with offset commits, idempotent and transactional producers work
/// against it, from this process or another. It is not a broker for production data:
/// - It keeps at most 5 MiB or 100,000 messages a partition and silently drops the oldest: bound how far producers may
///   run ahead of consumers.
/// - It does not isolate transactions: everybody sees messages of open and aborted transactions.
/// - It acknowledges offsets that are part of a transaction without storing them: `committed` does not see them.
/// - Once an eager rebalance has begun it refuses commits, so a member cannot commit partitions that are being revoked;
///   cooperative groups can.
/// - It creates any topic that is asked for, also when it is told not to, and answers no administrative requests: create topics with `createTopic`
///   before they are used.
/// - A member must join with a `session.timeout.ms` above 3 seconds, which is how long the first join takes.
/// - It keeps everything in memory and forgets it when it stops.
///
/// It can be shared between threads. It stops when its last reference is released.
package final class EmbeddedBroker: @unchecked Sendable {
    // Sendable because the lock is held whenever either handle is used.
    private let client: Client
    private let cluster: OpaquePointer
    private let isOpen = Mutex(true)

    /// The addresses to give to clients as `bootstrap.servers`.
    package let bootstrapServers: String

    /// Starts the cluster on free ports.
    ///
    /// - Parameter brokers: How many brokers; their numbers start at 1.
    /// - Throws: `KafkaError` if no port can be opened.
    package init(brokers: Int = 1) throws(KafkaError) {
        precondition(brokers > 0, "a cluster has at least one broker")
        let context = CallbackContext(properties: [:])
        client = try Client(RD_KAFKA_PRODUCER, properties: [:], context: context)
        guard let cluster = rd_kafka_mock_cluster_new(client.handle, Int32(brokers)),
            let servers = rd_kafka_mock_cluster_bootstraps(cluster)
        else {
            throw KafkaError(
                RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, operation: "start embedded broker",
                reason: "cannot listen on loopback")
        }
        self.cluster = cluster
        bootstrapServers = String(cString: servers)
    }

    deinit { close() }

    /// Stops the cluster and forgets its messages. Clients see a lost connection. Closing again does nothing; any other
    /// call afterwards is a bug of the caller.
    package func close() {
        isOpen.withLock { isOpen in
            guard isOpen else { return }
            isOpen = false
            rd_kafka_mock_cluster_destroy(cluster)
            client.destroy()
        }
    }

    /// Creates a topic.
    ///
    /// - Returns: False if it was there already, with however many partitions it has.
    @discardableResult
    package func createTopic(_ name: String, partitions: Int) throws(KafkaError) -> Bool {
        let code = withCluster { rd_kafka_mock_topic_create($0, name, Int32(clamping: partitions), 1) }
        if code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS { return false }
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, operation: "create topic \(name)") }
        return true
    }

    /// Lends librdkafka's handle of the mock cluster, for what this type does not offer. Other threads wait meanwhile.
    package func withCluster<Result>(_ body: (OpaquePointer) -> Result) -> Result {
        isOpen.withLock { isOpen in
            precondition(isOpen, "this embedded broker has been closed")
            return body(cluster)
        }
    }
}
