import CRDKafka
import Synchronization

/// A Kafka cluster inside this process, listening on loopback: for demonstrations and tests.
///
/// It is librdkafka's mock cluster. Consumers, groups with offset commits, idempotent and transactional producers work
/// against it, from this process or another. It is not a broker for data that matters:
/// - It keeps at most 5 MiB or 100,000 messages a partition and silently drops the oldest: bound how far producers may
///   run ahead of consumers.
/// - It has no isolation: messages of open and aborted transactions are visible to everybody.
/// - It acknowledges offsets that are part of a transaction without storing them: `committed` does not see them.
/// - Once an eager rebalance has begun it refuses commits, so a member cannot commit what it is about to give up;
///   cooperative groups can.
/// - It creates any topic that somebody asks for, and serves no administration requests; create
///   topics with `createTopic` before anybody uses them.
/// - A member must join with a `session.timeout.ms` above 3 seconds, which is how long the first join takes.
/// - It keeps everything in memory and forgets it when it stops.
///
/// It can be shared between threads. Hold on to it, or it stops with the last reference.
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
        let context = CallbackContext(onError: { _ in }, onLog: { _ in })
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
        try check(code, "create topic \(name)")
        return true
    }

    /// Makes the next requests of a kind fail, one for each fault, in order.
    package func fail(_ request: RequestKind, with faults: [Fault]) {
        let codes = faults.map { rd_kafka_resp_err_t($0.code) }
        withCluster { rd_kafka_mock_push_request_errors_array($0, request.rawValue, codes.count, codes) }
    }

    /// Forgets the faults of a kind of request that have not happened yet.
    package func clearFaults(of request: RequestKind) {
        withCluster { rd_kafka_mock_clear_request_errors($0, request.rawValue) }
    }

    /// Disconnects every client of a broker and refuses new ones. Partitions keep their leader.
    ///
    /// - Parameter broker: The broker's number, or nil for all.
    package func setBrokerDown(_ broker: Int? = nil) throws(KafkaError) {
        try check(withCluster { rd_kafka_mock_broker_set_down($0, Int32(broker ?? -1)) }, "take broker down")
    }

    /// Accepts connections again.
    ///
    /// - Parameter broker: The broker's number, or nil for all.
    package func setBrokerUp(_ broker: Int? = nil) throws(KafkaError) {
        try check(withCluster { rd_kafka_mock_broker_set_up($0, Int32(broker ?? -1)) }, "bring broker up")
    }

    /// Delays every answer.
    ///
    /// - Parameters:
    ///   - milliseconds: How long an answer takes at least.
    ///   - broker: The broker's number, or nil for all.
    package func setRoundTripTime(milliseconds: Int, broker: Int? = nil) throws(KafkaError) {
        let code = withCluster { rd_kafka_mock_broker_set_rtt($0, Int32(broker ?? -1), Int32(clamping: milliseconds)) }
        try check(code, "set round-trip time")
    }

    private func withCluster<Result>(_ body: (OpaquePointer) -> Result) -> Result {
        isOpen.withLock { isOpen in
            precondition(isOpen, "this embedded broker has been closed")
            return body(cluster)
        }
    }

    private func check(_ code: rd_kafka_resp_err_t, _ operation: String) throws(KafkaError) {
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, operation: operation) }
    }
}
