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
    /// The client object that reported this can never be used again; close it and make a new one.
    package let isFatal: Bool

    /// Whether the client was in a state that does not allow the call, not yet or no longer.
    package var isWrongState: Bool { code == RD_KAFKA_RESP_ERR__STATE.rawValue }

    /// The same error when its outcome is no longer waited for. Only new client objects can find out whether the operation
    /// took effect, so the remedy is `.rejoin` with `isFatal`.
    package var abandoned: KafkaError {
        KafkaError(code: code, name: name, operation: operation, reason: reason, remedy: .rejoin, isFatal: true)
    }

    /// The same error where it means that the open transaction cannot be committed.
    package var requiringAbort: KafkaError {
        KafkaError(
            code: code, name: name, operation: operation, reason: reason, remedy: .abortTransaction, isFatal: false)
    }

    private init(code: Int32, name: String, operation: String, reason: String, remedy: Remedy, isFatal: Bool) {
        self.code = code
        self.name = name
        self.operation = operation
        self.reason = reason
        self.remedy = remedy
        self.isFatal = isFatal
    }

    /// One line: operation, reason, code name.
    package var description: String { "\(operation): \(reason) (\(name))" }

    /// An error from a bare response code.
    ///
    /// - Parameters:
    ///   - code: The code; its remedy follows from the code alone.
    ///   - operation: What was being done.
    ///   - reason: The reason in words; librdkafka's own text for the code if nil.
    ///   - isFatal: Whether the client object is unusable from here on.
    package init(
        _ code: rd_kafka_resp_err_t, operation: String, reason: String? = nil, isFatal: Bool = false
    ) {
        self.code = code.rawValue
        self.name = String(cString: rd_kafka_err2name(code))
        self.operation = operation
        self.reason = reason ?? String(cString: rd_kafka_err2str(code))
        self.remedy = Remedy(code: code, isFatal: isFatal)
        self.isFatal = isFatal
    }

    /// An error from a rich error object, which is destroyed.
    ///
    /// - Parameters:
    ///   - error: A `rd_kafka_error_t` that the caller owns; it must not be used afterwards.
    ///   - operation: What was being done.
    package init(consuming error: OpaquePointer, operation: String) {
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
        rd_kafka_error_destroy(error)
    }
}
