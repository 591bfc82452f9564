import CRDKafka

/// What went wrong between this process and Kafka, and what can be done about it.
///
/// Every failure that comes from outside (broker, network, configuration) is one of these. Wrong use of the
/// interface by the caller is a precondition instead.
package struct KafkaError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What the caller can do about an error.
    package enum Remedy: Sendable, Hashable {
        /// The same call may succeed later: back off and repeat it.
        case retry
        /// The open transaction cannot be committed: abort it, rewind to the committed offsets, and continue.
        case abortTransaction
        /// Another client owns the partitions or the identity now: abort any open transaction, drop the partitions' state
        /// and join again. If `isFatal` is set, that needs new client objects.
        case rejoin
        /// Nothing that the program can do by itself helps: stop and say why.
        case fatal
    }

    /// librdkafka's code: positive codes come from the broker, negative ones from the client library.
    package let code: Int32
    /// The symbolic name of the code, such as `_TRANSPORT` or `UNKNOWN_MEMBER_ID`.
    package let name: String
    /// What was being done, such as `commit offsets`.
    package let operation: String
    /// The reason in words.
    package let reason: String
    /// What can be done.
    package let remedy: Remedy
    /// Why the client has no connection to Kafka, where it knows.
    package let problem: ConnectionProblem?
    /// The client object that reported this can never be used again; close it and make a new one.
    package let isFatal: Bool

    /// Whether the client was in a state that does not allow the call, not yet or no longer.
    package var isWrongState: Bool { code == RD_KAFKA_RESP_ERR__STATE.rawValue }

    /// Whether another client of the same identity has taken this one's place.
    package var isFenced: Bool {
        switch rd_kafka_resp_err_t(code) {
        case RD_KAFKA_RESP_ERR__FENCED, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
            RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
            true
        // With the newer group protocol it is the later one that is refused.
        default: code == Self.unreleasedInstanceID
        }
    }

    /// `UNRELEASED_INSTANCE_ID`, which librdkafka has since 2.4.
    static let unreleasedInstanceID: Int32 = 111

    /// Whether nobody has answered, so that the cluster may be away.
    package var isNoAnswer: Bool { Self.mayBeOfConnection(rd_kafka_resp_err_t(code)) }

    /// Nobody has answered in time.
    package static func timedOut(_ operation: String) -> KafkaError {
        KafkaError(RD_KAFKA_RESP_ERR__TIMED_OUT, operation: operation)
    }

    /// Whether an offset is not in the log, or not any more.
    package var isOutsideLog: Bool {
        code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE.rawValue || code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET.rawValue
    }

    /// Whether there was no answer in time.
    package var isTimeout: Bool { code == RD_KAFKA_RESP_ERR__TIMED_OUT.rawValue }

    /// Whether the client's user has not the right.
    package var isForbidden: Bool {
        switch rd_kafka_resp_err_t(code) {
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
            true
        default: false
        }
    }

    /// The same error when its outcome is no longer waited for. Only new client objects can find out whether the operation
    /// took effect, so the remedy is `.rejoin` with `isFatal`.
    package var abandoned: KafkaError {
        KafkaError(
            code: code, name: name, operation: operation, reason: reason, remedy: .rejoin, isFatal: true,
            problem: problem)
    }

    /// The same error of a request about a partition: one that librdkafka knows no leader of may get one.
    var ofPartitionRequest: KafkaError {
        guard code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION.rawValue else { return self }
        return KafkaError(
            code: code, name: name, operation: operation, reason: reason, remedy: .retry, isFatal: false,
            problem: problem)
    }

    /// The same error where it means that the open transaction cannot be committed.
    package var requiringAbort: KafkaError {
        KafkaError(
            code: code, name: name, operation: operation, reason: reason, remedy: .abortTransaction, isFatal: false,
            problem: problem)
    }

    /// The same error with why there is no connection, if that explains it.
    func explained(by problem: ConnectionProblem?) -> KafkaError {
        guard let problem, self.problem == nil, Self.mayBeOfConnection(rd_kafka_resp_err_t(code)) else { return self }
        return KafkaError(
            code: code, name: name, operation: operation, reason: reason, remedy: remedy, isFatal: isFatal,
            problem: problem)
    }

    private init(
        code: Int32, name: String, operation: String, reason: String, remedy: Remedy, isFatal: Bool,
        problem: ConnectionProblem?
    ) {
        self.code = code
        self.name = name
        self.operation = operation
        self.reason = reason
        self.remedy = remedy
        self.isFatal = isFatal
        self.problem = problem
    }

    /// One line: operation, reason, code name; or why there is no connection, where that is known.
    package var description: String {
        problem.map { "\(operation): \($0)" } ?? "\(operation): \(reason) (\(name))"
    }

    /// An error from a bare response code.
    ///
    /// - Parameters:
    ///   - code: The code; its remedy follows from the code alone.
    ///   - operation: What was being done.
    ///   - reason: The reason in words; librdkafka's own text for the code if nil.
    ///   - isFatal: Whether the client object is unusable from here on.
    ///   - problem: Why there is no connection.
    package init(
        _ code: rd_kafka_resp_err_t, operation: String, reason: String? = nil, isFatal: Bool = false,
        problem: ConnectionProblem? = nil
    ) {
        self.code = code.rawValue
        self.name = String(cString: rd_kafka_err2name(code))
        self.operation = operation
        self.reason = reason ?? String(cString: rd_kafka_err2str(code))
        self.remedy = Remedy(code: code, isFatal: isFatal)
        self.isFatal = isFatal
        self.problem = problem
    }

    /// An error from a rich error object, which is destroyed.
    ///
    /// - Parameters:
    ///   - error: A `rd_kafka_error_t` that the caller owns; it must not be used afterwards.
    ///   - operation: What was being done.
    ///   - problem: Why there may be no connection; of interest for an error that a lost one explains.
    package init(consuming error: OpaquePointer, operation: String, problem: ConnectionProblem? = nil) {
        let code = rd_kafka_error_code(error)
        self.code = code.rawValue
        self.name = String(cString: rd_kafka_error_name(error))
        self.operation = operation
        self.reason = String(cString: rd_kafka_error_string(error))
        self.isFatal = rd_kafka_error_is_fatal(error) != 0
        self.remedy = Remedy(
            code: code, isFatal: isFatal,
            requiresAbort: rd_kafka_error_txn_requires_abort(error) != 0,
            isRetriable: rd_kafka_error_is_retriable(error) != 0)
        self.problem = Self.mayBeOfConnection(code) ? problem : nil
        rd_kafka_error_destroy(error)
    }

    /// Whether a lost connection explains an error.
    static func mayBeOfConnection(_ code: rd_kafka_resp_err_t) -> Bool {
        switch code {
        case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__TIMED_OUT, RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE,
            RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__WAIT_COORD, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
            true
        default: false
        }
    }
}
