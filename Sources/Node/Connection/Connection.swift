import Backplane
public import NIOCore
public import Protocol

/// One client's open WebSocket: its identity, and the way to write to it.
///
/// Bound to its channel's event loop: everything but the identity may be used only there.
public final class Connection {
    /// What a client asked for by its path.
    public enum Endpoint: String, Sendable {
        /// `/ws`: a member of the cluster, listed and reached by broadcasts.
        case plain
        /// `/echo`: talks only with itself.
        case echo
    }

    public let id: ConnectionID
    public let endpoint: Endpoint
    /// Milliseconds since 1970, UTC.
    public let connectedAt: Int64

    /// Nil: nobody in particular.
    public let user: Name?
    /// Where the shard keeps it. The shard's own.
    var slot = 0
    /// Changed by the shard only.
    var groups: Set<Name> = []
    /// Whether the presence store has been told of it.
    var isListed = false
    /// Whether this connection is counted in the interest in its user's topic.
    var holdsUserTopic = false
    private var close = CloseStateMachine()
    private let maximumUnsentBytes: Int
    private let closeTimeout: TimeAmount
    private let pingInterval: TimeAmount
    private var nextPing: NIODeadline
    /// Whether anything came since the last ping.
    private var hadTraffic = true
    /// Nil once the channel is gone. Writing from the handler's own context goes past all that stands behind it.
    private var context: ChannelHandlerContext?

    /// - Parameters:
    ///   - maximumUnsentBytes: bytes that may wait for a client that reads slowly.
    ///   - closeTimeout: for the client to answer a close frame; then the socket is cut.
    ///   - pingInterval: between pings.
    init(
        id: ConnectionID,
        endpoint: Endpoint,
        user: Name?,
        connectedAt: Int64,
        maximumUnsentBytes: Int,
        closeTimeout: TimeAmount,
        pingInterval: TimeAmount,
        context: ChannelHandlerContext
    ) {
        self.id = id
        self.endpoint = endpoint
        self.user = user
        self.connectedAt = connectedAt
        self.maximumUnsentBytes = maximumUnsentBytes
        self.closeTimeout = closeTimeout
        self.pingInterval = pingInterval
        // The first one anywhere in the second half of the interval: connections made together do not ping together for ever.
        self.nextPing = .now() + .nanoseconds(.random(in: (pingInterval.nanoseconds / 2)...pingInterval.nanoseconds))
        self.context = context
    }

    /// As the presence store keeps it.
    var record: ConnectionRecord {
        ConnectionRecord(
            id: self.id,
            protocol: self.endpoint.rawValue,
            connectedAt: self.connectedAt,
            user: self.user,
            groups: self.groups
        )
    }

    /// Whether data may still be sent: false from the first close frame on, in either direction.
    public var isOpen: Bool { self.context != nil && self.close.maySend }

    /// Writes encoded data frames and flushes.
    ///
    /// A client that has let more than its share of bytes pile up is closed with 1013 instead, and gets nothing any more.
    /// - Parameter written: completed when the bytes have left for the kernel, or never will; not at all when this returns false.
    /// - Returns: false when the connection is not open, or is now closed as a slow consumer.
    @discardableResult
    public func send(_ frames: ByteBuffer, written: EventLoopPromise<Void>? = nil) -> Bool {
        guard let context, self.close.maySend else { return false }
        // The channel counts its unsent bytes anyway; it is asked only once it is above its low mark.
        if !context.channel.isWritable, self.unsentBytes(context) > self.maximumUnsentBytes {
            self.close(code: .tryAgainLater, reason: "too many unsent bytes: the client reads too slowly")
            return false
        }
        context.writeAndFlush(NIOAny(frames), promise: written)
        return true
    }

    /// Writes an encoded control frame, if the close handshake still allows it.
    func sendControl(_ frame: ByteBuffer) {
        guard let context, self.close.maySend else { return }
        context.writeAndFlush(NIOAny(frame), promise: nil)
    }

    /// Begins the closing handshake; nothing but the client's answer follows. Does nothing on a connection that is closing already.
    public func close(code: CloseCode, reason: String) {
        guard case .sendClose(let code, let reason) = self.close.close(code: code, reason: reason) else { return }
        self.sendClose(code: code, reason: reason, thenFinish: false)
    }

    /// Closes the socket at once, whatever is still unsent.
    func cut() {
        self.context?.close(mode: .all, promise: nil)
    }

    // MARK: - Keep-alive

    func sawTraffic() {
        self.hadTraffic = true
    }

    /// Sends a ping when it is time for one. A client that showed no sign of life, a pong or anything else, since the one before is dead,
    /// and its socket is cut.
    func keepAlive(now: NIODeadline) {
        guard let context, now >= self.nextPing else { return }
        guard self.hadTraffic else { return self.cut() }
        self.nextPing = now + self.pingInterval
        self.hadTraffic = false
        self.sendControl(FrameEncoder.encode(opcode: .ping, payload: ByteBuffer(), allocator: context.channel.allocator))
    }

    // MARK: - Called by the channel handler

    /// Whether frames from the client still count.
    var mayReceive: Bool { self.context != nil && self.close.mayReceive }

    func violationFound(_ violation: ProtocolViolation) {
        switch self.close.violationFound(violation) {
        case .sendCloseThenCloseTransport(let code, let reason): self.sendClose(code: code, reason: reason, thenFinish: true)
        case .closeTransport: self.finish()
        case .ignore: break
        }
    }

    func closeReceived(code: CloseCode?) {
        switch self.close.closeReceived(code: code) {
        case .echoThenCloseTransport(let code): self.sendClose(code: code, reason: "", thenFinish: true)
        case .closeTransport: self.finish()
        case .ignore: break
        }
    }

    func transportClosed() {
        _ = self.close.transportClosed()
        self.context = nil
    }

    // MARK: -

    private func unsentBytes(_ context: ChannelHandlerContext) -> Int {
        (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    private func sendClose(code: CloseCode?, reason: String, thenFinish: Bool) {
        guard let context else { return }
        let frame = FrameEncoder.close(code: code, reason: reason, allocator: context.channel.allocator)
        if thenFinish {
            let written = context.eventLoop.makePromise(of: Void.self)
            written.futureResult.assumeIsolated().whenComplete { _ in self.finish() }
            context.writeAndFlush(NIOAny(frame), promise: written)
        } else {
            context.writeAndFlush(NIOAny(frame), promise: nil)
        }
        self.cutAfterDeadline(context)
        // The client's answer is read also where back-pressure has stopped the reading.
        context.channel.read()
    }

    /// A client that neither reads nor answers must not keep its socket.
    private func cutAfterDeadline(_ context: ChannelHandlerContext) {
        let deadline = context.eventLoop.assumeIsolated().scheduleTask(in: self.closeTimeout) { self.deadlinePassed() }
        context.channel.closeFuture.whenComplete { _ in deadline.cancel() }
    }

    /// Ends our half, and leaves the client to end its own: closing a socket that still has unread input would reset it, and the close
    /// frame could be lost with it (RFC 6455 section 7.1.1).
    private func finish() {
        self.context?.close(mode: .output, promise: nil)
    }

    private func deadlinePassed() {
        guard self.close.deadlinePassed() == .abortTransport else { return }
        self.cut()
    }
}

@available(*, unavailable)
extension Connection: Sendable {}
