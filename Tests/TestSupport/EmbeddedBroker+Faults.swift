import CRDKafka
import Kafka

extension EmbeddedBroker {
    /// Kinds of request, by their number in Kafka's protocol.
    package enum RequestKind: Int16, Sendable {
        case produce = 0
        case fetch = 1
        case offsetCommit = 8
        case heartbeat = 12
        case initProducerID = 22
        case addPartitionsToTransaction = 24
        case endTransaction = 26
        case transactionOffsetCommit = 28
    }

    /// How a request fails.
    package struct Fault: Sendable, Hashable {
        fileprivate let code: rd_kafka_resp_err_t

        private init(_ code: rd_kafka_resp_err_t) { self.code = code }

        /// Any code of Kafka's protocol.
        package init(code: Int32) { self.code = rd_kafka_resp_err_t(code) }

        /// No answer: the connection is closed.
        package static let disconnect = Fault(RD_KAFKA_RESP_ERR__TRANSPORT)
        /// Another broker leads the partition.
        package static let notLeader = Fault(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION)
        /// The broker ran out of time.
        package static let requestTimedOut = Fault(RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT)
        /// Too few replicas are in sync.
        package static let notEnoughReplicas = Fault(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS)
        /// The message is larger than the broker allows.
        package static let messageTooLarge = Fault(RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        /// The group or transaction has no coordinator right now.
        package static let coordinatorNotAvailable = Fault(RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE)
        /// The group does not know this member.
        package static let unknownMember = Fault(RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID)
        /// The group has moved on to another generation.
        package static let illegalGeneration = Fault(RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION)
        /// The group is assigning its partitions again.
        package static let rebalanceInProgress = Fault(RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS)
        /// A newer producer has the same `transactional.id`.
        package static let producerFenced = Fault(RD_KAFKA_RESP_ERR_PRODUCER_FENCED)
        /// The last transaction is still being finished.
        package static let concurrentTransactions = Fault(RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS)
    }

    /// Makes the next requests of a kind fail, one for each fault, in order.
    package func fail(_ request: RequestKind, with faults: [Fault]) {
        let codes = faults.map(\.code)
        withCluster { rd_kafka_mock_push_request_errors_array($0, request.rawValue, codes.count, codes) }
    }

    /// Clears the faults of a kind of request that have not happened yet.
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

    /// Makes a broker the leader of a partition.
    ///
    /// - Parameter broker: The broker's number, or nil for none.
    package func setLeader(_ broker: Int?, of topic: String, partition: Int32) throws(KafkaError) {
        let code = withCluster {
            rd_kafka_mock_partition_set_leader($0, topic, partition, broker.map { Int32($0) } ?? -1)
        }
        try check(code, "set the leader of \(topic)[\(partition)]")
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

    private func check(_ code: rd_kafka_resp_err_t, _ operation: String) throws(KafkaError) {
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw KafkaError(code, operation: operation) }
    }
}
