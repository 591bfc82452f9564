import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes

/// HTTP/1.1 connections: Hummingbird's, behind a guard, each on its own event loop from its first byte to its last.
struct Connections: ServerChildChannel {
    private let base: HTTP1Channel

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
        base.setup(channel: channel, logger: logger)
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await withTaskExecutorPreference(LoopExecutor(value.channel.eventLoop)) {
            await base.handle(value: value, logger: logger)
        }
    }
}
