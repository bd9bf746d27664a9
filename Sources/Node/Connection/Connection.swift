public import NIOCore
import VolaryBackplane
public import VolaryProtocol

/// One client: who it is, what it may do, and the way to write to it. It is what REST lists.
///
/// Between a ``ClientTransport``, which gives it messages, and the shard, which gives it publications. Its ``ClientSession``
/// makes actions of messages, and its ``Application`` carries these out. Bound to its shard's event loop: everything but the
/// identity may be used only there.
///
/// Which groups it is in, the shard's ``AudienceIndex`` knows.
public final class Connection {
    // What a delivery looks at comes first, on one or two lines of the processor's cache.

    let transport: any ClientTransport
    private var outbox: OutboxPolicy
    /// How publications become this connection's bytes.
    let encoding: ClientEncoding

    private let identity: ConnectionIdentity
    private let session: any ClientSession
    let shard: ConnectionShard
    let host: ConnectionHost
    let endpoint: Endpoint
    /// What the client may send, and how long it may keep the node waiting.
    var input: InputLimits
    /// The application's own.
    var state = ApplicationState()
    /// Where the shard's ``AudienceIndex`` keeps it. The index's own.
    var slot = 0

    /// - Parameters:
    ///   - admitted: a client whose handshake was granted.
    ///   - transport: what carries the connection until it ends.
    init(
        for admitted: WebSocketAdmission.AdmittedClient,
        on shard: ConnectionShard,
        host: ConnectionHost,
        transport: any ClientTransport
    ) {
        let client = admitted.client
        self.transport = transport
        self.outbox = OutboxPolicy(maximumBytes: host.settings.maximumUnsentBytes)
        self.encoding = client.spoken.encoding(framing: transport.framing, isDeflated: transport.isDeflated)
        self.identity = ConnectionIdentity(
            id: host.connections.makeID(on: shard),
            user: client.user,
            connectedAt: host.settings.now(),
            canBroadcast: client.canBroadcast
        )
        self.session = client.spoken.base.makeSession()
        self.shard = shard
        self.host = host
        self.endpoint = client.endpoint
        self.input = InputLimits(host.settings, id: self.identity.id, now: shard.eventLoop.now)
    }

    // MARK: - Identity

    public var id: ConnectionID { self.identity.id }

    /// Nil: nobody in particular.
    public var user: AudienceName? { self.identity.user }

    /// Milliseconds since 1970, UTC.
    public var connectedAt: Int64 { self.identity.connectedAt }

    /// Whether its token has the permission `broadcast`.
    var canBroadcast: Bool { self.identity.canBroadcast }

    /// Whether the presence store has been told of it.
    var isListed: Bool { self.state.listing.isListed }

    // MARK: - Life; called by the transport

    /// The connection stands; nothing has been read from it yet.
    func opened(_ request: ConnectRequest) {
        self.host.connections.add(self)
        self.host.observer.connectionOpened()
        self.endpoint.application.connected(self, request)
    }

    /// Called once; the transport takes nothing any more, and all that it had read has been received.
    func closed() {
        self.endpoint.application.disconnected(self)
        self.host.connections.remove(self.id, on: self.shard)
        self.host.observer.connectionClosed(self.id, self.transport.ending)
    }

    // MARK: - Receiving; called by the transport

    /// Whether the client may go on sending: see ``UnfinishedActions``.
    var hasRoom: Bool { !self.input.unfinished.isFull }

    /// A complete message.
    /// - Throws: what the client did against its protocol: the transport ends.
    func received(_ message: ClientMessage) throws(ProtocolViolation) {
        self.host.observer.messageReceived()
        let bytes = message.byteCount
        try self.session.received(message) { action in
            self.endpoint.application.received(action, from: self, done: self.completion(of: action, bytes: bytes))
        }
    }

    private func completion(of action: ClientAction, bytes: Int) -> ActionCompletion {
        self.input.unfinished.began(bytes: bytes)
        return ActionCompletion(connection: self, ackID: action.ackID, bytes: bytes)
    }

    /// What became of an action. Called once for each, by its ``ActionCompletion``.
    func tell(_ result: ActionResult, ackID: UInt64?) {
        self.send(.result(result, ackID: ackID, timestamp: self.host.settings.now()))
    }

    func finished(bytes: Int) {
        if self.input.unfinished.ended(bytes: bytes) { self.transport.resumeReading() }
    }

    /// A message, a ping or a pong is whole. One past the client's rate ends the connection, or is dropped: its client is told
    /// once, and again only after something has passed.
    func isWithinRate() -> Bool {
        switch self.input.meter?.completed(now: self.shard.eventLoop.now) {
        case nil, .pass: return true
        case .drop(let isFirst):
            self.host.observer.messageDropped(isFirst: isFirst)
            if isFirst { self.notify("You send too much at once: messages of yours are dropped.") }
        case .close: self.end(for: .rate)
        }
        return false
    }

    // MARK: - Sending

    /// Whether data may still be sent: false from the first close on, in either direction.
    public var isOpen: Bool { self.transport.isOpen }

    /// Whether its client is gone, and what that had sent is still being handled.
    var hasLeftovers: Bool { self.transport.hasLeftovers }

    /// Bytes that have not left for the kernel.
    var unsentBytes: Int { self.transport.unsentBytes }

    /// Sends encoded messages.
    ///
    /// A client that has let more than its share of bytes pile up is closed with 1013 instead, and gets nothing any more.
    /// - Parameter written: completed when the bytes have left for the kernel, or never will; not at all when this returns false.
    /// - Returns: false when the connection is not open, or is now closed as a slow consumer.
    @discardableResult
    public func send(_ bytes: ByteBuffer, written: EventLoopPromise<Void>? = nil) -> Bool {
        switch self.transport.write(bytes, allowance: self.outbox.allowance, written: written) {
        case .sent: return true
        case .queued(let bytes, let wasWritable):
            self.outbox.queued(bytes: bytes, wasWritable: wasWritable)
            return true
        case .overAllowance:
            self.end(for: .unsentBytes)
            return false
        case .closed: return false
        }
    }

    /// Tells the client something in its protocol's words, if that has any.
    func send(_ event: ServerEvent) {
        guard let message = self.session.encode(event) else { return }
        self.send(self.encoding.frame(message, for: self.transport, deflater: self.shard.deflater))
    }

    /// As ``ClientSession/writeTail(to:)``.
    func writeTail(to tail: UnsafeMutableRawBufferPointer) { self.session.writeTail(to: tail) }

    func notify(_ text: String) { self.send(.notice(text, timestamp: self.host.settings.now())) }

    /// Whether messages of at most so many bytes may go compressed to this client.
    func allowsDeflated(bytes: Int) -> Bool { self.transport.allowsDeflated(bytes: bytes) }

    // MARK: - Closing

    /// Ends the connection. Does nothing on one that is closing already, unless it is to be cut. Of a client that is gone, it
    /// drops what is still to be handled, and the connection has ended when this returns.
    func close(_ reason: CloseReason) { self.transport.close(reason) }

    /// Begins the closing handshake; nothing but the client's answer follows. Does nothing on a connection that is closing
    /// already.
    public func close(code: CloseCode, reason: String) { self.close(.close(code, reason: reason)) }

    /// Closes the connection because its client went past a limit. Does nothing on one that is closing already.
    private func end(for violation: LimitViolation) {
        guard self.isOpen else { return }
        self.host.observer.limitExceeded(violation)
        self.close(violation.ending)
    }

    // MARK: - Time

    /// Sends a ping when it is time for one, and ends the connection of a client that goes past one of its times.
    func keepAlive(now: NIODeadline) {
        guard self.isOpen else { return }
        self.watchUnsentBytes(now: now)
        switch self.input.timeouts.check(now: now, limits: self.host.settings.timeouts) {
        case .none: break
        case .ping: self.transport.ping(sent: nil)
        case .exceeded(let violation): self.end(for: violation)
        }
    }

    /// The age of what waits is measured here, and not for every delivery: a ping stands behind all that waits, and has left when
    /// that has.
    private func watchUnsentBytes(now: NIODeadline) {
        guard self.input.timeouts.unsentSince == nil, self.unsentBytes > 0 else { return }
        self.input.timeouts.sawUnsentBytes(now: now)
        self.transport.ping { self.input.timeouts.unsentBytesLeft() }
    }
}

@available(*, unavailable)
extension Connection: Sendable {}
