import CRDKafka

/// A librdkafka handle with its callbacks: created from properties, destroyed exactly once.
final class Client {
    private var storage: ClientHandle?
    let context: CallbackContext

    /// Creates a handle.
    ///
    /// - Throws: `KafkaError` that names the property if one is unknown or has a bad value, or that says why the
    ///   combination was refused.
    init(
        _ kind: rd_kafka_type_t, properties: [String: String], context: CallbackContext,
        configure: (OpaquePointer) -> Void = { _ in }
    ) throws(KafkaError) {
        self.context = context
        let configuration: OpaquePointer = rd_kafka_conf_new()
        do throws(KafkaError) {
            // Sorted, so that of two bad properties always the same one is reported.
            for (name, value) in properties.sorted(by: { $0.key < $1.key }) {
                try Self.set(name, to: value, in: configuration)
            }
        } catch {
            rd_kafka_conf_destroy(configuration)
            throw error
        }
        context.register(in: configuration)
        configure(configuration)

        let (handle, reason) = Self.withReason { rd_kafka_new(kind, configuration, $0, $1) }
        guard let handle else {
            // The library takes the configuration only when it succeeds. Read the code before anything resets it.
            let code = rd_kafka_last_error()
            rd_kafka_conf_destroy(configuration)
            throw KafkaError(code, operation: "create client", reason: reason)
        }
        storage = ClientHandle(handle, context)
    }

    deinit { destroy() }

    /// The live handle; asking after `destroy` is the caller's bug.
    var handle: OpaquePointer {
        guard let storage else { preconditionFailure("this Kafka client has been closed") }
        return storage.pointer
    }

    var isOpen: Bool { storage != nil }

    /// Waits for librdkafka's threads and frees everything. If a request has outlived its timeout, the handle is freed when
    /// that request returns. Topic and queue handles must have been destroyed before.
    func destroy() {
        guard let handle = storage else { return }
        storage = nil
        handle.release()
    }

    /// Does the same on another thread. A consumer whose coordinator cannot be reached needs up to its session timeout to
    /// abort a commit, and nothing cancels that.
    func destroyInBackground() {
        guard let handle = storage else { return }
        storage = nil
        if !detachThread({ handle.release() }) { handle.release() }
    }

    /// Makes a request whose C call does not keep its own timeout: on a thread of its own, which is not waited for longer
    /// than the timeout. Costs the start of a thread. A client makes one such request at a time.
    ///
    /// - Parameter request: Gets the handle, and may outlive this call.
    /// - Throws: `KafkaError`: the request's, or with the remedy `.retry` if there is no answer in time.
    func limited<Value: Sendable>(
        _ operation: String, timeoutMilliseconds: Int,
        _ request: @escaping @Sendable (OpaquePointer) throws(KafkaError) -> Value
    ) throws(KafkaError) -> Value {
        guard let storage else { preconditionFailure("this Kafka client has been closed") }
        func timedOut(_ reason: String) -> KafkaError {
            error(RD_KAFKA_RESP_ERR__TIMED_OUT, operation: operation, reason: reason)
        }
        let deadline = Deadline(milliseconds: timeoutMilliseconds)
        guard storage.beginRequest(deadline) else { throw timedOut("an earlier request has not been answered either") }
        let answer = Answer<Result<Value, KafkaError>>()
        storage.retain()
        let isStarted = detachThread {
            answer.set(Result { () throws(KafkaError) in try request(storage.pointer) })
            storage.endRequest()
            storage.release()
        }
        guard isStarted else {
            storage.endRequest()
            storage.release()
            throw timedOut("no thread can be started")
        }
        guard let result = answer.wait(milliseconds: Int(deadline.remainingMilliseconds)) else {
            throw timedOut("no answer in \(timeoutMilliseconds) ms")
        }
        do {
            return try result.get()
        } catch {
            throw error.explained(by: context.problem)
        }
    }

    /// Leaks the client and the context that its callbacks use, because destroying it would end the process.
    func abandon() {
        storage = nil
        context.consumer = nil
        _ = Unmanaged.passRetained(context)
    }

    /// An error for a code that this client returned. The generic code "fatal" is replaced by the original error.
    func error(_ code: rd_kafka_resp_err_t, operation: String, reason: String? = nil) -> KafkaError {
        storage.flatMap { Self.fatalError(of: $0.pointer, ifBehind: code, operation: operation) }
            ?? KafkaError(code, operation: operation, reason: reason, problem: problem(behind: code))
    }

    /// Why there is no connection, if that explains an error.
    func problem(behind code: rd_kafka_resp_err_t) -> ConnectionProblem? {
        KafkaError.mayBeOfConnection(code) ? context.problem : nil
    }

    /// Throws unless the code means success.
    func check(_ code: rd_kafka_resp_err_t, _ operation: String) throws(KafkaError) {
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw error(code, operation: operation) }
    }

    /// The error that put a client out of use for good, if the code says that there was one.
    static func fatalError(
        of handle: OpaquePointer, ifBehind code: rd_kafka_resp_err_t, operation: String
    ) -> KafkaError? {
        guard code == RD_KAFKA_RESP_ERR__FATAL else { return nil }
        let (code, reason) = withReason { rd_kafka_fatal_error(handle, $0, $1) }
        guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
        return KafkaError(code, operation: operation, reason: reason, isFatal: true)
    }

    /// Calls a C function that writes the reason of a failure into a buffer.
    static func withReason<Result>(
        _ body: (UnsafeMutablePointer<CChar>, Int) -> Result
    ) -> (Result, reason: String) {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
            buffer.initialize(repeating: 0)
            // The capacity is a constant above zero, so there is a base address.
            let text = buffer.baseAddress!
            let result = body(text, buffer.count)
            return (result, String(cString: text))
        }
    }

    private static func set(_ name: String, to value: String, in configuration: OpaquePointer) throws(KafkaError) {
        let (outcome, reason) = withReason { rd_kafka_conf_set(configuration, name, value, $0, $1) }
        guard outcome == RD_KAFKA_CONF_OK else {
            throw KafkaError(
                RD_KAFKA_RESP_ERR__INVALID_ARG, operation: "set Kafka property \"\(name)\"", reason: reason)
        }
    }
}
