import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// Rejects what never becomes a request, such as bytes that are not HTTP and heads that are too large, and closes
/// connections that take too long: bodies that trickle in, clients that do not read their answer.
///
/// It answers with the reason before it closes a connection, and then reads for a moment longer: closing at once, with bytes
/// unread, would reset the connection, and the answer would be lost.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private static let linger = TimeAmount.seconds(1)

    private let timeout: TimeAmount
    private let maxBodyBytes: Int
    /// Requests whose heads have been read and whose answers have not been written completely.
    private var unanswered = 0
    /// Whether the latest request has not been read completely, and the bytes of its body so far.
    private var isReading = false
    private var bodyBytes = 0
    /// Whether the head of the oldest pending answer has been written.
    private var hasBegun = false
    private var closesAfterAnswer = false
    /// The problem to send after the answers that are being written.
    private var pending: Problem?
    private var isEnding = false
    private var deadline = NIODeadline.distantFuture
    private var timer: Scheduled<Void>?

    init(timeout: TimeAmount, maxBodyBytes: Int) {
        self.timeout = timeout
        self.maxBodyBytes = maxBodyBytes
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        context.fireChannelInactive()
    }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isEnding || pending != nil { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            unanswered += 1
            isReading = true
            bodyBytes = 0
            if unanswered == 1 { startClock(context) }
            if head.headerFields[.expect]?.lowercased() == "100-continue" { sendContinue(context, head) }
        case .body(let bytes):
            bodyBytes += bytes.readableBytes
            // The request has been refused already, but its body keeps coming.
            if unanswered == 0, bodyBytes > maxBodyBytes { return end(context) }
        case .end:
            isReading = false
        }
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        // The handlers above do not read any more, so that discarding the rest is up to this one.
        if isEnding { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if isEnding, event as? ChannelEvent == .inputClosed { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError || error is HTTP1TypeConversionError else {
            return context.fireErrorCaught(error)
        }
        if isEnding || pending != nil { return }
        let problem =
            switch error as? HTTPParserError {
            case .headerOverflow:
                Problem(
                    .headersTooLarge,
                    "the head may have \(HTTPSettings.maxHeaderBytes) bytes and \(HTTPSettings.maxHeaderFields) fields")
            default: Problem(.malformedRequest, "the bytes are not a request of HTTP/1.1")
            }
        // The malformed request itself gets no other answer.
        if isReading, unanswered == 1, !hasBegun { unanswered = 0 }
        if unanswered == 0 { answer(context, problem) } else { pending = problem }
    }

    /// Sends `100 Continue` to a client that waits for it, unless its body would be too large.
    private func sendContinue(_ context: ChannelHandlerContext, _ head: HTTPRequest) {
        if let length = head.headerFields[.contentLength].flatMap({ Int($0) }), length > maxBodyBytes { return }
        guard unanswered == 1 else { return }
        context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
    }

    // MARK: Outbound

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if isEnding {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(let head):
            hasBegun = true
            if head.headerFields[.connection] == "close" { closesAfterAnswer = true }
            context.write(data, promise: promise)
        case .body:
            context.write(data, promise: promise)
        case .end:
            hasBegun = false
            unanswered = max(0, unanswered - 1)
            if closesAfterAnswer {
                context.write(data, promise: promise)
                end(context)
            } else if let pending, unanswered == 0 {
                context.write(data, promise: promise)
                answer(context, pending)
            } else {
                if unanswered > 0 { startClock(context) }
                context.write(data, promise: promise)
            }
        }
    }

    /// Answers with a problem, and closes the connection.
    private func answer(_ context: ChannelHandlerContext, _ problem: Problem) {
        let body = ByteBuffer(bytes: problem.json(path: "/"))
        let head = HTTPResponse(
            status: problem.kind.status,
            headerFields: [
                .contentType: Problem.contentType, .contentLength: "\(body.readableBytes)", .connection: "close",
            ])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(body)), promise: nil)
        context.write(wrapOutboundOut(.end(nil)), promise: nil)
        end(context)
    }

    private func end(_ context: ChannelHandlerContext) {
        isEnding = true
        timer?.cancel()
        context.flush()
        context.close(mode: .output, promise: nil)
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.linger) {
            context.close(promise: nil)
        }
        context.read()
    }

    // MARK: Time

    /// Sets the deadline. There is one timer for a connection: it checks the deadline when it fires, and is not set again for
    /// each request.
    private func startClock(_ context: ChannelHandlerContext) {
        deadline = .now() + timeout
        if timer == nil { schedule(context, deadline) }
    }

    private func schedule(_ context: ChannelHandlerContext, _ deadline: NIODeadline) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.timer = nil
            self.timerFired(context)
        }
    }

    private func timerFired(_ context: ChannelHandlerContext) {
        guard unanswered > 0 || isReading, !isEnding else { return }
        if deadline > .now() { return schedule(context, deadline) }
        if hasBegun || unanswered == 0 { return context.close(promise: nil) }
        let isLate = unanswered == 1 && isReading
        let seconds = Double(timeout.nanoseconds) / 1e9
        answer(
            context,
            isLate
                ? Problem(.timeout, "the request was not complete after \(seconds) s")
                : Problem(.noAnswer, "there was no answer after \(seconds) s"))
    }
}

@available(*, unavailable)
extension ConnectionGuard: Sendable {}
