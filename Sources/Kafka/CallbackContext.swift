import CCrypto
import CRDKafka
import Synchronization

/// The object that the C callbacks of one client get through librdkafka's opaque pointer.
///
/// The pointer is unretained, so the `Client` keeps this object until after `rd_kafka_destroy` has returned. The two
/// closures may run on any of librdkafka's threads; everything else is touched only by the thread that polls.
final class CallbackContext {
    let onError: @Sendable (KafkaError) -> Void
    let onLog: @Sendable (LogLine) -> Void
    private let properties: [String: String]
    /// What the last certificate that was not accepted is refused for.
    private let certificateError = Mutex<String?>(nil)
    private let lastProblem = Mutex<(problem: ConnectionProblem, since: ContinuousClock.Instant)?>(nil)

    /// The consumer whose rebalances are to be served; nil for other clients, and while a consumer is deinitialized.
    weak var consumer: Consumer?
    var deliveries = DeliveryCount()

    /// - Parameter properties: the client's, as its problems name them.
    init(
        properties: [String: String], onError: @escaping @Sendable (KafkaError) -> Void = { _ in },
        onLog: @escaping @Sendable (LogLine) -> Void = { _ in }
    ) {
        self.properties = properties
        self.onError = onError
        self.onLog = onLog
    }

    static func from(_ opaque: UnsafeMutableRawPointer) -> CallbackContext {
        Unmanaged<CallbackContext>.fromOpaque(opaque).takeUnretainedValue()
    }

    /// Registers the callbacks that every client has.
    func register(in configuration: OpaquePointer) {
        rd_kafka_conf_set_opaque(configuration, Unmanaged.passUnretained(self).toOpaque())
        rd_kafka_conf_set_error_cb(configuration) { handle, code, reason, opaque in
            guard let opaque else { return }
            let code = rd_kafka_resp_err_t(code)
            let context = CallbackContext.from(opaque)
            let text = reason.map { String(cString: $0) }
            let error =
                handle.flatMap { Client.fatalError(of: $0, ifBehind: code, operation: "run client") }
                ?? KafkaError(code, operation: "run client", reason: text, problem: context.note(code, text))
            context.onError(error)
        }
        rd_kafka_conf_set_log_cb(configuration) { handle, level, facility, text in
            // The library logs without a handle while it is still checking a configuration.
            guard let handle, let opaque = rd_kafka_opaque(handle) else { return }
            let line = LogLine(
                level: Int(level), facility: facility.map { String(cString: $0) } ?? "",
                text: text.map { String(cString: $0) } ?? "")
            let context = CallbackContext.from(opaque)
            // Errors reach a client when it is polled, and this line at once.
            if line.facility == "FAIL" { _ = context.note(RD_KAFKA_RESP_ERR__TRANSPORT, line.message) }
            context.onLog(line)
        }
        // OpenSSL's words for what is wrong with a certificate, which librdkafka leaves out. Decides nothing by itself.
        rd_kafka_conf_set_ssl_cert_verify_cb(configuration) { _, _, _, code, _, _, _, _, _, opaque in
            guard let code, code.pointee != 0 else { return 1 }
            if let opaque, let text = X509_verify_cert_error_string(Int(code.pointee)) {
                CallbackContext.from(opaque).certificateError.withLock { $0 = String(cString: text) }
            }
            return 0
        }
    }

    // MARK: Connection

    /// A problem is of interest for so long.
    private static let memory = Duration.seconds(60)

    /// Why there was no connection lately; `nil` where nothing is known of that.
    var problem: ConnectionProblem? {
        lastProblem.withLock { last in
            guard let last, ContinuousClock.now - last.since < Self.memory else { return nil }
            return last.problem
        }
    }

    /// Notes what an error says of the connection. A loss that nobody can explain does not displace an explanation.
    private func note(_ code: rd_kafka_resp_err_t, _ text: String?) -> ConnectionProblem? {
        guard var text else { return nil }
        if text.contains("certificate verify failed"), let reason = certificateError.withLock({ $0 }) {
            text = "\(reason): \(text)"
        }
        guard let problem = ConnectionProblem(code, detail: text, properties: properties) else { return nil }
        lastProblem.withLock { last in
            let isExplained =
                last.map { $0.problem.cause.isExplained && ContinuousClock.now - $0.since < Self.memory } ?? false
            if problem.cause.isExplained || !isExplained { last = (problem, .now) }
        }
        return problem
    }
}
