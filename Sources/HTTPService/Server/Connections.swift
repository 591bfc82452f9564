import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes
import Synchronization

/// HTTP/1.1 connections: Hummingbird's, behind a guard, each on its own event loop from its first byte to its last.
///
/// A server that stops lets go of the connections that it has accepted and not taken up yet, and NIO ends the process
/// when a wrapped channel is let go unused. So each is kept here until it is served, or closed with the server.
final class Connections: ServerChildChannel {
    private let base: HTTP1Channel
    /// Connections that have been accepted and not served yet, by channel; nil once the server has stopped.
    private let waiting = Mutex<[ObjectIdentifier: HTTP1Channel.Value]?>([:])

    init(settings: HTTPSettings, responder: @escaping HTTPChannelHandler.Responder) {
        let timeout = TimeAmount.milliseconds(Int64(settings.timeoutMilliseconds))
        base = HTTP1Channel(
            responder: responder,
            configuration: .init(
                additionalChannelHandlers: [ConnectionGuard(timeout: timeout, maxBodyBytes: settings.maxBodyBytes)],
                idleTimeout: timeout,
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: HTTPSettings.maxHeaderFieldBytes,
                    maxHeaderListSize: HTTPSettings.maxHeaderBytes, maxHeaderFieldCount: HTTPSettings.maxHeaderFields)))
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        base.setup(channel: channel, logger: logger).map { connection in
            let isKept = self.waiting.withLock { waiting in
                waiting?[ObjectIdentifier(channel)] = connection
                return waiting != nil
            }
            if !isKept { Self.close(connection) }
            return connection
        }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        let isOurs = waiting.withLock { $0?.removeValue(forKey: ObjectIdentifier(value.channel)) != nil }
        guard isOurs else { return }
        await withTaskExecutorPreference(LoopExecutor(value.channel.eventLoop)) {
            await base.handle(value: value, logger: logger)
        }
    }

    /// Closes the connections that are not served, now and later. Call it once the server has stopped.
    func close() {
        let unserved = waiting.withLock { waiting in
            defer { waiting = nil }
            return waiting ?? [:]
        }
        unserved.values.forEach(Self.close)
    }

    private static func close(_ connection: HTTP1Channel.Value) {
        Task { try? await connection.executeThenClose { _, _ in } }
    }
}
