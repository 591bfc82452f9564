import CRDKafka

extension EmbeddedBroker {
    /// The kinds of request that the embedded broker answers, by their number in Kafka's protocol.
    package enum RequestKind: Int16, Sendable, CaseIterable {
        case produce = 0
        case fetch = 1
        case listOffsets = 2
        case metadata = 3
        case offsetCommit = 8
        case offsetFetch = 9
        case findCoordinator = 10
        case joinGroup = 11
        case heartbeat = 12
        case leaveGroup = 13
        case syncGroup = 14
        case initProducerID = 22
        case addPartitionsToTransaction = 24
        case addOffsetsToTransaction = 25
        case endTransaction = 26
        case transactionOffsetCommit = 28
    }

    /// How a request fails.
    package struct Fault: Sendable, Hashable {
        /// The code that the client receives.
        package let code: Int32

        /// Any code of Kafka's protocol.
        package init(code: Int32) { self.code = code }

        private init(_ code: rd_kafka_resp_err_t) { self.init(code: code.rawValue) }

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
        /// The group is giving its partitions out anew.
        package static let rebalanceInProgress = Fault(RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS)
        /// A newer producer has the same `transactional.id`.
        package static let producerFenced = Fault(RD_KAFKA_RESP_ERR_PRODUCER_FENCED)
        /// The last transaction is still being finished.
        package static let concurrentTransactions = Fault(RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS)
    }
}
