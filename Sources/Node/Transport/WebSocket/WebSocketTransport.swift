import NIOCore
import NIOExtras
import VolaryProtocol

/// A WebSocket (RFC 6455) on a TCP socket, plain or TLS, or on a stream of HTTP/2 (RFC 8441): decodes messages, answers pings, and
/// does the closing handshake.
///
/// This object is both the last handler of its channel and the ``ClientTransport`` of its connection. It is bound to the
/// channel's event loop. It outlives its channel while messages of a client that has disconnected are still being handled.
///
/// Nothing can be written after a close: only this file uses ``output``, each write checks ``closing`` first, and the output of
/// a closed channel discards all bytes.
final class WebSocketTransport: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let settings: WebSocketSettings
    let host: ConnectionHost
    private let compression: NegotiatedDeflate?
    /// nil once the handler is in its pipeline.
    private var admitted: WebSocketAdmission.AdmittedClient?
    private var output: SocketOutput
    var closing = WebSocketClosing()
    var decoder: MessageDecoder
    /// Bytes that have been read and not yet handled.
    var input = PendingInput()
    var pings = PingReplies()
    /// nil before the handler is added, and after its connection has ended.
    private(set) var connection: Connection?
    private var expiry: Scheduled<Void>?

    init(
        settings: WebSocketSettings,
        admitted: WebSocketAdmission.AdmittedClient,
        carrier: WebSocketCarrier = .plainSocket,
        host: ConnectionHost
    ) {
        self.settings = settings
        self.host = host
        self.admitted = admitted
        self.output = SocketOutput(carrier)
        self.compression = admitted.client.compression
        self.decoder = MessageDecoder(limits: settings.messageLimits, compression: admitted.client.compression)
    }

    // MARK: - Life

    func handlerAdded(context: ChannelHandlerContext) {
        guard let admitted = self.admitted.take() else { return }
        self.output.open(context)
        let connection = Connection(
            for: admitted,
            on: self.host.connections.shard(of: context.eventLoop),
            host: self.host,
            transport: self
        )
        self.connection = connection
        connection.opened(ConnectRequest(admitted))
        self.scheduleExpiry(admitted.client.expiresAt, context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.clientIsGone()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.clientIsGone()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // An error of the socket, or a reset of the stream: the client is unreachable, so no close frame is sent.
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent:
            self.connection?.close(.close(.serviceRestart, reason: "the node is going away"))
        case ChannelEvent.inputClosed: self.inputEnded()
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    /// Closes the connection when the token that opened it expires.
    private func scheduleExpiry(_ expiresAt: Int64?, _ context: ChannelHandlerContext) {
        guard let expiresAt else { return }
        let milliseconds = max(0, expiresAt - self.settings.now())
        self.expiry = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) {
            self.connection?.close(.close(.unauthorized, reason: "the token has expired"))
        }
    }

    /// The channel is closed. The messages that the client sent before are still handled, within the usual limits. No replies
    /// are sent.
    private func clientIsGone() {
        guard let connection, !self.output.isClosed else { return }
        self.expiry?.cancel()
        self.keepLeftovers(of: connection)
        self.closing.transportClosed()
        self.output.closed()
        self.settle()
    }

    /// Ends the connection: all messages of the client are handled.
    func ended() {
        guard let connection = self.connection.take() else { return }
        connection.closed()
    }

    // MARK: - Writing

    /// Writes a ping or a pong, unless the closing handshake has begun.
    func writeControl(_ frame: ByteBuffer) {
        if self.isOpen { self.writeFrame(frame) }
    }

    /// Writes a close frame after the collected replies.
    /// - Parameter sent: called once, when the frame has been handed to the kernel or the write has failed.
    func writeClose(_ frame: ByteBuffer, sent: (() -> Void)?) {
        self.uncork()
        self.writeFrame(frame, sent: sent)
    }

    private func writeFrame(_ frame: ByteBuffer, sent: (() -> Void)? = nil) {
        guard let rest = self.output.send(frame, collects: sent == nil) else {
            sent?()
            return
        }
        guard let sent, let eventLoop = self.connection?.shard.eventLoop else { return self.queue(rest) }
        let written = eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in sent() }
        self.queue(rest, written: written)
    }

    /// Queues bytes that the kernel did not take. Replies that were collected are among them, and one of those may be long.
    private func queue(_ rest: ByteBuffer, written: EventLoopPromise<Void>? = nil) {
        self.connection?.queued(bytes: rest.readableBytes, wasWritable: self.isWritable)
        self.output.queue.append(rest, written: written)
    }

    /// Collects writes, up to 64 KiB, until ``uncork(atMost:)``.
    func cork() { self.output.cork() }

    func uncork(atMost maximum: Int = .max) {
        if let rest = self.output.uncork(atMost: maximum) { self.queue(rest) }
    }

    /// Bytes of replies that have been collected and not sent.
    var corkedBytes: Int { self.output.corkedBytes }

    // MARK: - The channel

    var isClosed: Bool { self.output.isClosed }

    /// The turns of the HTTP/2 connection; nil on a TCP socket.
    var turns: StreamTurns? { self.output.turns }

    /// Whether writes go directly to the kernel, without the channel's queue.
    var isDirect: Bool { self.output.isDirect }

    /// Requests a read, which ``read(context:)`` may postpone.
    func askToRead() {
        let output = self.output
        output.read()
    }

    func readNow() {
        let output = self.output
        output.readNow()
    }

    func closeOutput() {
        let output = self.output
        output.closeOutput()
    }

    func cutChannel() {
        let output = self.output
        output.cut()
    }

    func whenClosed(_ body: @escaping @Sendable () -> Void) { self.output.whenClosed(body) }
}

extension WebSocketTransport: TransportHandler {
    var framing: Framing { .webSocket }

    var isDeflated: Bool { self.compression != nil }

    func allowsDeflated(bytes: Int) -> Bool { self.compression?.allowsCompressed(bytes: bytes) ?? false }

    var isOpen: Bool { self.closing.canSend && !self.output.isClosed }

    var isWritable: Bool { self.output.isWritable }

    var unsentBytes: Int { self.output.unsentBytes }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.output.writabilityChanged()
        self.resume()
        context.fireChannelWritabilityChanged()
    }

    func write(_ bytes: ByteBuffer, allowance: Int, written: EventLoopPromise<Void>?) -> WriteResult {
        guard self.closing.canSend else { return .closed }
        guard let rest = self.output.send(bytes, collects: written == nil) else {
            written?.succeed()
            return .sent
        }
        guard !self.output.isClosed else { return .closed }
        // The number of unsent bytes is only read above the channel's low-water mark, because asking for it costs time.
        let wasWritable = self.output.isWritable
        guard wasWritable || self.output.unsentBytes <= allowance else { return .overAllowance }
        // The write may call back before it returns: a failed write closes the channel.
        self.output.queue.append(rest, written: written)
        return .queued(bytes: rest.readableBytes, wasWritable: wasWritable)
    }

    func ping(sent: (() -> Void)?) {
        if self.isOpen { self.writeFrame(FrameEncoder.encode(opcode: .ping, payload: ByteBuffer()), sent: sent) }
    }

    func resumeReading() { self.resume() }
}

@available(*, unavailable)
extension WebSocketTransport: Sendable {}
