import CRDKafka

/// The object that the C callbacks of one client get through librdkafka's opaque pointer.
///
/// The pointer is unretained, so the `Client` keeps this object until after `rd_kafka_destroy` has returned. The two
/// closures may run on any of librdkafka's threads; everything else is touched only by the thread that polls.
final class CallbackContext {
    let onError: @Sendable (KafkaError) -> Void
    let onLog: @Sendable (LogLine) -> Void

    /// The consumer whose rebalances are to be served; nil for other clients, and while a consumer is deinitialized.
    weak var consumer: Consumer?
    var deliveries = DeliveryCount()

    init(onError: @escaping @Sendable (KafkaError) -> Void, onLog: @escaping @Sendable (LogLine) -> Void) {
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
            let error =
                handle.flatMap { Client.fatalError(of: $0, ifBehind: code, operation: "run client") }
                ?? KafkaError(code, operation: "run client", reason: reason.map { String(cString: $0) })
            CallbackContext.from(opaque).onError(error)
        }
        rd_kafka_conf_set_log_cb(configuration) { handle, level, facility, text in
            // The library logs without a handle while it is still checking a configuration.
            guard let handle, let opaque = rd_kafka_opaque(handle) else { return }
            let line = LogLine(
                level: Int(level), facility: facility.map { String(cString: $0) } ?? "",
                text: text.map { String(cString: $0) } ?? "")
            CallbackContext.from(opaque).onLog(line)
        }
    }
}
