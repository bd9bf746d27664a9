public import NIOCore
import VolaryBackplane
public import VolaryProtocol

/// One client: its identity, its permissions and limits, and the way to write to it. REST lists connections.
///
/// The ``ClientTransport`` delivers messages to it, and the shard delivers publications to it. The ``ClientSession`` turns
/// messages into actions, and the ``Application`` carries them out. A connection is bound to its shard's event loop; only its
/// identity may be used elsewhere.
///
/// The groups of a connection are stored in the shard's ``AudienceIndex``.
public final class Connection {
    // The variables that each delivery reads come first, so that they share one or two cache lines.

    let transport: any ClientTransport
    private var outbox: OutboxPolicy
    /// How publications are encoded for this connection.
    private(set) var encoding: ClientEncoding

    private let identity: ConnectionIdentity
    let session: any ClientSession
    let shard: ConnectionShard
    let host: ConnectionHost
    let endpoint: Endpoint
    /// Limits on what the client sends, and its timeouts.
    var input: InputLimits
    /// State of the application for this connection.
    var state = ApplicationState()
    /// The limit because of which the connection was closed.
    private(set) var violation: LimitViolation?
    /// Position in the shard's ``AudienceIndex``. Only the index uses it.
    var slot = 0

    /// - Parameters:
    ///   - admitted: a client whose handshake was accepted.
    ///   - transport: carries the connection until it ends.
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
            id: admitted.session?.client.id ?? client.id.map { host.connections.claim($0, on: shard) }
                ?? host.connections.makeID(on: shard),
            hub: client.hub,
            user: client.user,
            connectedAt: admitted.session?.connectedAt ?? host.settings.now(),
            canBroadcast: client.canBroadcast
        )
        self.session = client.spoken.base.makeSession(
            SessionFacts(
                id: self.identity.id,
                user: client.user,
                path: client.endpoint.path,
                subprotocol: client.subprotocol,
                parameters: client.parameters,
                permissions: client.permissions,
                carriesBinary: transport.framing != .eventData
            )
        )
        self.shard = shard
        self.host = host
        self.endpoint = client.endpoint
        self.input = InputLimits(host.settings, id: self.identity.id, now: shard.eventLoop.now)
    }

    // MARK: - Identity

    public var id: ConnectionID { self.identity.id }

    public var hub: HubName { self.identity.hub }

    /// nil for an anonymous client.
    public var user: AudienceName? { self.identity.user }

    /// Time of the connection, in milliseconds since 1970, UTC.
    public var connectedAt: Int64 { self.identity.connectedAt }

    /// Whether the client's token has the permission `broadcast`.
    var canBroadcast: Bool { self.identity.canBroadcast }

    /// Whether the connection has been reported to the presence store.
    var isListed: Bool { self.state.listing.isListed }

    /// Whether the client may resume the connection with another transport, on any node. Its session is in the session store, and
    /// publications come from there.
    var isResumable: Bool { if case .resumable = self.state.listing { true } else { false } }

    // MARK: - Life; called by the transport

    /// Call when the connection is open, before anything is read from it.
    func opened(_ request: ConnectRequest) {
        if let session = request.session { self.state.listing = .resumable(session.client) }
        self.host.connections.add(self)
        self.host.observer.connectionOpened()
        self.endpoint.application.connected(self, request)
    }

    /// Call once, when the transport accepts no writes any more and all messages that it read have been received.
    func closed() {
        self.endpoint.application.disconnected(self)
        self.host.connections.remove(self)
        self.host.traces?.ended(self)
        self.host.observer.connectionClosed(self.id, self.transport.ending)
    }

    /// Call when the handshake of the client's protocol has chosen how publications are encoded.
    func speak(_ spoken: SpokenProtocol) {
        self.encoding = spoken.encoding(framing: self.transport.framing, isDeflated: self.transport.isDeflated)
    }

    // MARK: - Sending

    /// Whether data can be sent: false after the first close in either direction.
    public var isOpen: Bool { self.transport.isOpen }

    /// Whether the client has disconnected while messages it sent are still being handled.
    var hasLeftovers: Bool { self.transport.hasLeftovers }

    /// Bytes not yet handed to the kernel.
    var unsentBytes: Int { self.transport.unsentBytes }

    /// Sends encoded messages.
    ///
    /// If the client's unsent bytes exceed the limit, the connection is closed with 1013 (slow consumer) and nothing is sent.
    /// - Parameter written: completed when the bytes have been handed to the kernel or the write has failed. Not completed if
    ///   this returns false.
    /// - Returns: false when the connection is not open, or has just been closed as a slow consumer.
    @discardableResult
    public func send(_ bytes: ByteBuffer, written: EventLoopPromise<Void>? = nil) -> Bool {
        let count = bytes.readableBytes
        switch self.transport.write(bytes, allowance: self.outbox.allowance, written: written) {
        case .sent:
            self.shard.traffic.sent(count)
            return true
        case .queued(let bytes, let wasWritable):
            self.shard.traffic.sent(count)
            self.queued(bytes: bytes, wasWritable: wasWritable)
            return true
        case .overAllowance:
            self.end(for: .unsentBytes)
            return false
        case .closed: return false
        }
    }

    /// Call when the transport has queued bytes, also those of replies that it had collected.
    /// - Parameter wasWritable: see ``OutboxPolicy/queued(bytes:wasWritable:)``.
    func queued(bytes: Int, wasWritable: Bool) { self.outbox.queued(bytes: bytes, wasWritable: wasWritable) }

    /// Sends an event to the client. Does nothing if the client protocol has no message for the event.
    func send(_ event: ServerEvent) {
        if let message = self.session.encode(event) { self.send(message) }
    }

    @discardableResult
    func send(_ message: consuming ClientMessage, written: EventLoopPromise<Void>? = nil) -> Bool {
        self.send(self.frame(message), written: written)
    }

    private func frame(_ message: consuming ClientMessage) -> ByteBuffer {
        self.encoding.frame(message, for: self.transport, deflater: self.shard.deflater)
    }

    /// See ``ClientSession/writeTail(to:)``.
    func writeTail(to tail: inout OutputRawSpan) { self.session.writeTail(to: &tail) }

    func notify(_ text: String) { self.send(.notice(text, timestamp: self.host.settings.now())) }

    /// Whether messages of at most `bytes` bytes may be compressed for this client.
    func allowsDeflated(bytes: Int) -> Bool { self.transport.allowsDeflated(bytes: bytes) }

    // MARK: - Closing

    /// Ends the connection, after the session's last message. Does nothing on a connection that is closing already, unless the
    /// reason is `cut`. If the client has disconnected, this drops its unhandled messages, and the connection has ended when
    /// this returns.
    func close(_ reason: CloseReason) {
        if case .closing(_, let text)? = reason.event { self.state.events?.ends(for: text) }
        if self.isOpen, let event = reason.event, let last = self.session.encode(event) {
            // Not `send`: a client that does not read gets no last message, and must not be closed for that again.
            _ = self.transport.write(self.frame(last), allowance: self.outbox.allowance, written: nil)
        }
        self.transport.close(reason)
    }

    /// Begins the closing handshake. Nothing more is sent. Does nothing on a connection that is closing already.
    public func close(code: CloseCode, reason: String) { self.close(.close(code, reason: reason)) }

    /// Closes the connection because the client exceeded a limit. Does nothing on a connection that is closing already.
    func end(for violation: LimitViolation) {
        guard self.isOpen else { return }
        self.violation = violation
        self.host.observer.limitExceeded(violation)
        // What a client with a session misses is sent again when it resumes the connection.
        self.close(self.isResumable && violation.isOfSending ? .cut : violation.ending(at: self.endpoint))
    }

    // MARK: - Time

    /// Sends a ping if one is due. Closes the connection if the client exceeded a timeout.
    /// - Returns: the bytes that were not yet handed to the kernel.
    @discardableResult
    func keepAlive(now: NIODeadline) -> Int {
        guard self.isOpen else { return 0 }
        let unsent = self.unsentBytes
        if unsent > 0 { self.watchUnsentBytes(now: now) }
        switch self.input.timeouts.check(now: now, limits: self.host.settings.timeouts) {
        case .none: break
        case .ping:
            self.send(.ping)
            self.pingBehindUnsentBytes(now: now)
        case .exceeded(let violation):
            self.end(for: violation)
            return unsent
        }
        self.endpoint.application.keepAlive(self, now: now)
        return unsent
    }

    /// Measures the age of unsent bytes here and not on every delivery. Some transports do not know small numbers of unsent bytes; there
    /// the next regular ping measures.
    private func watchUnsentBytes(now: NIODeadline) {
        if self.input.timeouts.unsentSince == nil { self.pingBehindUnsentBytes(now: now) }
    }

    /// A ping is queued behind all unsent bytes; when it has left, they have left, too.
    private func pingBehindUnsentBytes(now: NIODeadline) {
        guard self.input.timeouts.unsentSince == nil else { return self.transport.ping(sent: nil) }
        self.input.timeouts.sawUnsentBytes(now: now)
        self.transport.ping { self.input.timeouts.unsentBytesLeft() }
    }
}

@available(*, unavailable)
extension Connection: Sendable {}
