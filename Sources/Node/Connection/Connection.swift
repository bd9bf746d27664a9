import Backplane
public import NIOCore
public import Protocol

/// One client's open WebSocket: its identity, and the way to write to it.
///
/// Bound to its channel's event loop: everything but the identity may be used only there.
public final class Connection {
    // What a delivery looks at comes first, on one or two lines of the processor's cache.

    private var close = CloseStateMachine()
    /// Nil where TLS has to encrypt what is written, and once the channel is gone.
    private var socket: DirectSocket?
    /// Nil once the channel is gone. Writing from the handler's own context goes past all that stands behind it.
    private var context: ChannelHandlerContext?

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
    /// Nil: messages go to it, and come from it, as they are.
    let compression: DeflateAgreement?
    /// Where the shard keeps it. The shard's own.
    var slot = 0
    /// Changed by the shard only.
    var groups: Set<Name> = []
    /// Those that it is to be in before it is listed.
    var groupsToJoin: Set<Name> = []
    /// Of its user's topic and those of ``groupsToJoin``, until it takes them over. Nil when it has none.
    var reservation: TopicReservation?
    /// Waits for its topics before it is listed. Ends with it: while Redis is away that may be long.
    var listing: Task<Void, Never>?
    /// Whether the presence store has been told of it.
    var isListed = false
    /// Whether this connection is counted in the interest in its user's topic.
    var holdsUserTopic = false
    private var patience: Patience
    /// Bytes of the largest message that waits, where it is larger than what may wait.
    private var oversize = 0
    private let settings: WebSocketSettings
    private let events: any WebSocketEvents

    /// - Parameter events: told when the connection is closed because a bound was passed.
    init(
        id: ConnectionID,
        endpoint: Endpoint,
        user: Name?,
        compression: DeflateAgreement?,
        connectedAt: Int64,
        settings: WebSocketSettings,
        events: any WebSocketEvents,
        context: ChannelHandlerContext
    ) {
        self.id = id
        self.endpoint = endpoint
        self.user = user
        self.compression = compression
        self.connectedAt = connectedAt
        self.settings = settings
        self.events = events
        let half = settings.pingInterval.nanoseconds / 2
        // Random enough, and no system call.
        let share = Int64(id.hashValue.magnitude % UInt(half))
        self.patience = Patience(now: context.eventLoop.now, firstPing: .nanoseconds(half + share))
        self.socket = settings.isPlain ? DirectSocket(context.channel) : nil
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

    /// What waits in the channel because the kernel has not taken it.
    var unsentBytes: Int { (try? self.context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0 }

    /// Writes encoded data frames.
    ///
    /// A client that has let more than its share of bytes pile up is closed with 1013 instead, and gets nothing any more. A message that
    /// alone is larger than the share may wait: another client can say such a one, since JSON may be six times its text.
    /// - Parameter written: completed when the bytes have left for the kernel, or never will; not at all when this returns false.
    /// - Returns: false when the connection is not open, or is now closed as a slow consumer.
    @discardableResult
    public func send(_ frames: ByteBuffer, written: EventLoopPromise<Void>? = nil) -> Bool {
        guard self.close.maySend else { return false }
        guard let rest = self.sendDirectly(frames) else {
            written?.succeed()
            return true
        }
        guard let context else { return false }
        // The channel counts its unsent bytes anyway; it is asked only once it is above its low mark.
        if context.channel.isWritable {
            self.oversize = 0
        } else if self.unsentBytes > self.settings.maximumUnsentBytes + self.oversize {
            self.end(for: .unsentBytes)
            return false
        }
        if rest.readableBytes > self.settings.maximumUnsentBytes { self.oversize = max(self.oversize, rest.readableBytes) }
        context.writeAndFlush(NIOAny(rest), promise: written)
        return true
    }

    /// Writes an encoded control frame, if the close handshake still allows it.
    func sendControl(_ frame: ByteBuffer) {
        guard let context, self.close.maySend else { return }
        self.write(frame, context)
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

    // MARK: - Time

    /// Sends a ping when it is time for one, cuts the socket of a client that showed no sign of life since the one before, and closes the
    /// connection of one that lets the node wait for too long.
    func keepAlive(now: NIODeadline) {
        guard let context else { return }
        self.watchUnsentBytes(context, now: now)
        switch self.patience.look(now: now, limits: self.settings.patience) {
        case .fine: break
        case .ping: self.sendControl(Self.ping(context))
        case .dead: self.cut()
        case .over(let breach): self.end(for: breach)
        }
    }

    /// The age of what waits is measured here, and not for every delivery: a ping stands behind all that waits, and has left when that has.
    private func watchUnsentBytes(_ context: ChannelHandlerContext, now: NIODeadline) {
        guard self.close.maySend, self.patience.unsentSince == nil, self.unsentBytes > 0 else { return }
        self.patience.sawUnsentBytes(now: now)
        self.write(Self.ping(context), context) { self.patience.unsentBytesLeft() }
    }

    private static func ping(_ context: ChannelHandlerContext) -> ByteBuffer {
        FrameEncoder.encode(opcode: .ping, payload: ByteBuffer(), allocator: context.channel.allocator)
    }

    /// Closes the connection because its client went past a bound. Does nothing on one that is closing already.
    func end(for breach: Breach) {
        guard self.isOpen else { return }
        self.events.breached(breach)
        switch breach.ending {
        case .close(let code, let reason): self.close(code: code, reason: reason)
        case .violation(let violation): self.violationFound(violation)
        }
    }

    // MARK: - Called by the channel handler

    func sawTraffic() { self.patience.sawTraffic() }

    /// A whole data message.
    func sawMessage() { self.patience.sawMessage() }

    /// What has been read so far ends in the middle of a message: its time runs from the first such call on.
    func messageIsIncomplete(now: NIODeadline) { self.patience.messageIsIncomplete(now: now) }

    /// The client owes nothing: its message is whole, or it is the node that does not read on.
    func messageIsOver() { self.patience.messageIsOver() }

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
        self.socket = nil
        self.context = nil
    }

    // MARK: -

    /// - Parameter done: called once the frame has left for the kernel, or never will; perhaps before this returns.
    private func write(_ frame: ByteBuffer, _ context: ChannelHandlerContext, then done: (() -> Void)? = nil) {
        guard let rest = self.sendDirectly(frame) else {
            done?()
            return
        }
        let written = done.map { done in
            let promise = context.eventLoop.makePromise(of: Void.self)
            promise.futureResult.assumeIsolated().whenComplete { _ in done() }
            return promise
        }
        context.writeAndFlush(NIOAny(rest), promise: written)
    }

    /// - Returns: what is left for the channel to write; nil for nothing.
    private func sendDirectly(_ bytes: ByteBuffer) -> ByteBuffer? {
        guard let taken = self.socket?.send(bytes, before: self.context?.channel), taken > 0 else { return bytes }
        guard taken < bytes.readableBytes else { return nil }
        return bytes.getSlice(at: bytes.readerIndex + taken, length: bytes.readableBytes - taken)
    }

    private func sendClose(code: CloseCode?, reason: String, thenFinish: Bool) {
        guard let context else { return }
        let frame = FrameEncoder.close(code: code, reason: reason, allocator: context.channel.allocator)
        self.cutAfterDeadline(context)
        if thenFinish {
            self.write(frame, context) { self.finish() }
        } else {
            self.write(frame, context)
        }
        // The client's answer is read also where back-pressure has stopped the reading.
        context.channel.read()
    }

    /// A client that neither reads nor answers must not keep its socket.
    private func cutAfterDeadline(_ context: ChannelHandlerContext) {
        let deadline = context.eventLoop.assumeIsolated().scheduleTask(in: self.settings.closeTimeout) { self.deadlinePassed() }
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
