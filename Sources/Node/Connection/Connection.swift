public import NIOCore
import VolaryBackplane
public import VolaryProtocol

/// One client's open WebSocket: its identity, and the way to write to it.
///
/// Bound to its channel's event loop: everything but the identity may be used only there.
public final class Connection {
    // What a delivery looks at comes first, on one or two lines of the processor's cache.

    private var close = CloseStateMachine()
    private var transport: WebSocketTransport

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
    public let user: AudienceName?
    /// Nil: messages go to it, and come from it, as they are.
    let compression: NegotiatedDeflate?
    /// Where the shard keeps it. The shard's own.
    var slot = 0
    /// Changed by the shard only.
    var groups: Set<AudienceName> = []
    /// Those that it is to be in before it is listed.
    var groupsToJoin: Set<AudienceName> = []
    /// Of its user's topic and those of ``groupsToJoin``, until it takes them over. Nil when it has none.
    var reservation: TopicReservation?
    /// Waits for its topics before it is listed. Ends with it: while Redis is away that may be long.
    var listing: Task<Void, Never>?
    /// Whether the presence store has been told of it.
    var isListed = false
    /// Whether this connection is counted in the interest in its user's topic.
    var holdsUserTopic = false
    /// Whether its token has the permission `broadcast`.
    var canBroadcast = false
    /// Whether its first message is to say who it is.
    var wantsWelcome = false
    /// From when on its client is told again that a message of it was refused.
    var nextRefusalNotice = NIODeadline.distantPast
    private var timeouts: ConnectionTimeouts
    /// Whether the node has ended the socket without waiting for its client.
    private var isCut = false
    /// Closed while its client was gone already: what that had sent and nobody has handled yet counts no longer.
    private(set) var isDismissed = false
    /// Drops what a client that is gone had sent, and ends the connection. Set while there is some of that.
    var dropLeftovers: (() -> Void)?
    /// Bytes of the largest message that waits, where it is larger than what may wait.
    private var oversize = 0
    private let settings: WebSocketSettings
    private let events: any WebSocketEvents
    private let eventLoop: any EventLoop

    /// - Parameter events: told when the connection is closed because a bound was passed.
    init(
        id: ConnectionID,
        endpoint: Endpoint,
        user: AudienceName?,
        compression: NegotiatedDeflate?,
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
        self.timeouts = ConnectionTimeouts(now: context.eventLoop.now, firstPing: .nanoseconds(half + share))
        self.transport = WebSocketTransport(context, isPlain: settings.isPlain)
        self.eventLoop = context.eventLoop
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
    public var isOpen: Bool { self.close.canSend && !self.transport.isClosed }

    /// Whether its client is gone, and what that had sent is still being handled.
    var hasLeftovers: Bool { self.transport.isClosed && self.dropLeftovers != nil }

    /// Whether writes go to the kernel past the channel's queue.
    var isDirect: Bool { self.transport.isDirect }

    /// What waits in the channel because the kernel has not taken it.
    var unsentBytes: Int { self.transport.unsentBytes }

    /// Whether little enough waits in the channel for the client to be listened to.
    var isWritable: Bool { self.transport.isWritable }

    /// Writes encoded data frames.
    ///
    /// A client that has let more than its share of bytes pile up is closed with 1013 instead, and gets nothing any more. A message that
    /// alone is larger than the share may wait: another client can say such a one, since JSON may be six times its text.
    /// - Parameter written: completed when the bytes have left for the kernel, or never will; not at all when this returns false.
    /// - Returns: false when the connection is not open, or is now closed as a slow consumer.
    @discardableResult
    public func send(_ frames: ByteBuffer, written: EventLoopPromise<Void>? = nil) -> Bool {
        guard self.close.canSend else { return false }
        guard let rest = self.transport.send(frames, collects: written == nil) else {
            written?.succeed()
            return true
        }
        guard !self.transport.isClosed else { return false }
        // The channel counts its unsent bytes anyway; it is asked only once it is above its low mark.
        if self.transport.isWritable {
            self.oversize = 0
        } else if self.unsentBytes > self.settings.maximumUnsentBytes + self.oversize {
            self.end(for: .unsentBytes)
            return false
        }
        if rest.readableBytes > self.settings.maximumUnsentBytes { self.oversize = max(self.oversize, rest.readableBytes) }
        self.enqueue(rest, written: written)
        return true
    }

    /// Writes an encoded control frame, if the close handshake still allows it.
    func sendControl(_ frame: ByteBuffer) {
        if self.isOpen { self.write(frame) }
    }

    /// Collects what is sent from now on, up to 64 KiB, until ``uncork()``: the replies of one read leave in one write.
    func cork() { self.transport.cork() }

    func uncork() {
        if let rest = self.transport.uncork() { self.enqueue(rest) }
    }

    /// Begins the closing handshake; nothing but the client's answer follows. Does nothing on a connection that is closing already. Of a client that
    /// is gone, it drops what is still to be handled, and the connection has ended when this returns.
    public func close(code: CloseCode, reason: String) {
        self.dismissIfGone()
        guard case .sendClose(let code, let reason) = self.close.close(code: code, reason: reason) else { return }
        self.sendClose(code: code, reason: reason, thenFinish: false)
    }

    /// Closes the socket at once, whatever is still unsent. Of a client that is gone, as ``close(code:reason:)``.
    func cut() {
        self.isCut = true
        self.dismissIfGone()
        let transport = self.transport
        transport.cut()
    }

    private func dismissIfGone() {
        guard self.transport.isClosed else { return }
        self.isDismissed = true
        let drop = self.dropLeftovers.take()
        drop?()
    }

    // MARK: - Time

    /// Sends a ping when it is time for one, and ends the connection of a client that goes past one of its times.
    func keepAlive(now: NIODeadline) {
        guard !self.transport.isClosed else { return }
        self.watchUnsentBytes(now: now)
        switch self.timeouts.check(now: now, limits: self.settings.timeouts) {
        case .none: break
        case .ping: self.sendControl(Self.ping)
        case .exceeded(let breach): self.end(for: breach)
        }
    }

    /// The age of what waits is measured here, and not for every delivery: a ping stands behind all that waits, and has left when that has.
    private func watchUnsentBytes(now: NIODeadline) {
        guard self.close.canSend, self.timeouts.unsentSince == nil, self.unsentBytes > 0 else { return }
        self.timeouts.sawUnsentBytes(now: now)
        self.write(Self.ping) { self.timeouts.unsentBytesLeft() }
    }

    private static var ping: ByteBuffer { FrameEncoder.encode(opcode: .ping, payload: ByteBuffer()) }

    /// Closes the connection because its client went past a bound. Does nothing on one that is closing already.
    func end(for breach: LimitViolation) {
        guard self.isOpen else { return }
        self.events.limitExceeded(breach)
        switch breach.ending {
        case .close(let code, let reason): self.close(code: code, reason: reason)
        case .violation(let violation): self.violationFound(violation)
        case .cut: self.cut()
        }
    }

    // MARK: - Called by the channel handler

    func sawTraffic() { self.timeouts.sawTraffic() }

    /// A whole data message.
    func sawMessage() { self.timeouts.sawMessage() }

    /// What has been read so far ends in the middle of a message: its time runs from the first such call on.
    func messageIsIncomplete(now: NIODeadline) { self.timeouts.messageIsIncomplete(now: now) }

    /// The client owes nothing: its message is whole, or it is the node that does not read on.
    func messageIsOver() { self.timeouts.messageIsOver() }

    /// The node does not read from the client: the client's times do not run until ``goesOnReading()``.
    func stopsReading() { self.timeouts.stopsReading() }

    /// - Returns: whether the node had stopped.
    func goesOnReading() -> Bool { self.timeouts.goesOnReading() }

    /// Whether frames from the client still count.
    var mayReceive: Bool { self.close.mayReceive && !self.transport.isClosed }

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

    /// The code of the first close frame, and whose it was; 1005 for a frame without a code. Without a frame: nil, and who ended the socket.
    var ending: (code: CloseCode?, side: ConnectionClose.Side) {
        guard let frame = self.close.firstFrame else { return (nil, self.isCut ? .server : .client) }
        return (frame.code ?? CloseCode(rawValue: 1005), frame.isOurs ? .server : .client)
    }

    func transportClosed() {
        _ = self.close.transportClosed()
        self.transport.closed()
    }

    // MARK: -

    /// - Parameter done: called once the frame has left for the kernel, or never will; perhaps before this returns.
    private func write(_ frame: ByteBuffer, then done: (() -> Void)? = nil) {
        guard let rest = self.transport.send(frame, collects: done == nil) else {
            done?()
            return
        }
        let written = done.map { done in
            let promise = self.eventLoop.makePromise(of: Void.self)
            promise.futureResult.assumeIsolated().whenComplete { _ in done() }
            return promise
        }
        self.enqueue(rest, written: written)
    }

    /// May call back before it returns: a write that fails closes the channel.
    private func enqueue(_ bytes: ByteBuffer, written: EventLoopPromise<Void>? = nil) {
        self.transport.queue.append(bytes, written: written)
    }

    private func sendClose(code: CloseCode?, reason: String, thenFinish: Bool) {
        guard !self.transport.isClosed else { return }
        let frame = FrameEncoder.close(code: code, reason: reason)
        self.cutAfterDeadline()
        // Behind the replies that were collected before it.
        self.uncork()
        if thenFinish {
            self.write(frame) { self.finish() }
        } else {
            self.write(frame)
        }
        // The client's answer is read also where back-pressure has stopped the reading.
        let transport = self.transport
        transport.read()
    }

    /// A client that neither reads nor answers must not keep its socket.
    private func cutAfterDeadline() {
        let deadline = self.eventLoop.assumeIsolated().scheduleTask(in: self.settings.closeTimeout) { self.deadlinePassed() }
        self.transport.whenClosed { deadline.cancel() }
    }

    private func finish() {
        let transport = self.transport
        transport.closeOutput()
    }

    private func deadlinePassed() {
        guard self.close.deadlinePassed() == .abortTransport else { return }
        self.cut()
    }
}

@available(*, unavailable)
extension Connection: Sendable {}
