import NIOCore
import NIOExtras
import VolaryBackplane
import VolaryProtocol

/// An event stream (server-sent events): the endless body of an answer, over HTTP/1.1 or a stream of HTTP/2. Nothing is read from its
/// client after the request. A client of SignalR sends by requests of their own.
///
/// The last handler of its channel, and the ``ClientTransport`` of its connection, as ``WebSocketTransport`` is.
final class EventStreamTransport: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Bytes of a client after its request that are dropped: 4 KiB. Then the channel is closed.
    static let maximumReadBytes = 4096

    /// A line that readers ignore. The first one makes proxies pass on the head of the answer.
    private static let comment = ByteBuffer(string: ":\n\n")

    private let settings: WebSocketSettings
    private let host: ConnectionHost
    private let history: EventStreamHistory
    /// nil once the handler is in its pipeline.
    private var admitted: WebSocketAdmission.AdmittedClient?
    private var output: SocketOutput
    /// nil before the handler is added, and after the channel is closed.
    private var connection: Connection?
    /// nil as long as neither side has ended the stream.
    private var ended: TransportEnding?
    private var expiry: Scheduled<Void>?
    private var readBytes = 0
    /// nil: live events are written as they come.
    private var replay: EventStreamReplay?
    private var reading: Task<Void, Never>?
    /// Created with the first request of the client.
    private(set) lazy var posted = PostedInput()
    let framing: Framing

    init(
        settings: WebSocketSettings,
        admitted: WebSocketAdmission.AdmittedClient,
        carrier: WebSocketCarrier,
        host: ConnectionHost,
        history: EventStreamHistory
    ) {
        self.settings = settings
        self.host = host
        self.history = history
        self.admitted = admitted
        self.framing = admitted.client.endpoint.access == .readers ? .eventStream : .eventData
        self.output = SocketOutput(carrier)
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
        // Nothing comes from the client, so its silence means nothing.
        connection.input.timeouts.stopsReading()
        self.writeNow(Self.comment)
        connection.opened(ConnectRequest(admitted))
        self.begin(admitted)
        if let expiresAt = admitted.client.expiresAt { self.scheduleExpiry(expiresAt, context) }
    }

    /// Ends the stream when the token that opened it expires.
    private func scheduleExpiry(_ expiresAt: Int64, _ context: ChannelHandlerContext) {
        let milliseconds = max(0, expiresAt - self.settings.now())
        self.expiry = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) {
            self.connection?.close(.close(.unauthorized, reason: "the token has expired"))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.channelClosed()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.channelClosed() }

    private func channelClosed() {
        guard let connection = self.connection.take() else { return }
        self.expiry?.cancel()
        self.reading?.cancel()
        self.end(nil, .client)
        self.output.closed()
        self.giveUpReplay()
        if self.framing == .eventData { self.posted.end() }
        connection.closed()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is ChannelShouldQuiesceEvent else { return context.fireUserInboundEventTriggered(event) }
        self.connection?.close(.close(.serviceRestart, reason: "the node is going away"))
    }

    // MARK: - Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = self.unwrapInboundIn(data)
        SharedReceiveAllocator.giveBack(bytes)
        self.readBytes += bytes.readableBytes
        if self.readBytes > Self.maximumReadBytes { self.close(.cut) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.output.writabilityChanged()
        self.resumeReading()
        context.fireChannelWritabilityChanged()
    }

    // MARK: - Writing

    /// - Parameter sent: called once, when the bytes have been handed to the kernel or the write has failed.
    private func writeNow(_ bytes: ByteBuffer, sent: (() -> Void)? = nil) {
        guard let rest = self.output.send(bytes) else {
            sent?()
            return
        }
        // A page of the history counts as a single message, however long it is.
        self.connection?.queued(bytes: rest.readableBytes, wasWritable: self.isWritable)
        guard let sent, let eventLoop = self.connection?.shard.eventLoop else { return self.output.queue.append(rest) }
        let written = eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in sent() }
        self.output.queue.append(rest, written: written)
    }

    // MARK: - Resuming

    /// Tells the reader where its stream begins, or reads what it has missed.
    private func begin(_ admitted: WebSocketAdmission.AdmittedClient) {
        guard let start = admitted.start, let connection = self.connection, self.isOpen else { return }
        guard let last = admitted.client.lastEventID else {
            if let position = start.position { self.writeNow(EventStreamProtocol.mark(position)) }
            return
        }
        guard let position = Position(last) else { return self.tellGap(at: start.position) }
        guard start.isSubscribed else { return self.postpone() }
        self.replay = EventStreamReplay()
        let groups = admitted.client.groups.map { Topic.group(connection.hub, $0) }
        let own = Topic.joined(in: connection.hub, by: connection.user, as: connection.id)
        self.read(Set(own + groups + [.all(connection.hub)]), after: position)
    }

    private func read(_ topics: Set<Topic>, after position: Position) {
        guard let eventLoop = self.connection?.shard.eventLoop else { return }
        let (history, bound) = (self.history, NIOLoopBound(self, eventLoop: eventLoop))
        self.reading = Task {
            let result = await history.page(of: topics, after: position)
            eventLoop.execute { bound.value.hasRead(topics, result) }
        }
    }

    private func hasRead(_ topics: Set<Topic>, _ result: Result<HistoryPage, HistoryError>) {
        guard self.isOpen, let connection = self.connection, let events = self.events else { return }
        switch result {
        case .success(let page):
            let bytes = self.history.events(of: page, for: connection, events)
            guard page.isLast else { return self.writeNow(bytes) { self.read(topics, after: page.through) } }
            self.writeNow(bytes)
            self.endReplay(at: page.through)
        case .failure(.notLogged):
            self.tellGap(at: nil)
            self.endReplay(at: nil)
        case .failure(.unavailable): self.postpone()
        }
    }

    private var events: EventStreamProtocol? { self.connection?.encoding.clientProtocol as? EventStreamProtocol }

    private func tellGap(at position: Position?) {
        if let events { self.writeNow(events.gap(at: self.history.now())) }
        if let position { self.writeNow(EventStreamProtocol.mark(position)) }
    }

    /// The reader connects again, with the same id.
    private func postpone() {
        self.connection?.close(.close(.tryAgainLater, reason: "what was missed cannot be read now"))
    }

    private func endReplay(at position: Position?) {
        let held = self.replay?.ended(at: position) ?? []
        if self.replay?.isOver == true { self.replay = nil }
        self.write(held)
        // What was held back waits behind the last page, and has not become more by that.
        self.connection?.queued(bytes: self.unsentBytes, wasWritable: false)
    }

    private func giveUpReplay() {
        let held = self.replay?.gaveUp() ?? []
        self.replay = nil
        self.write(held)
    }

    private func write(_ held: [(events: ByteBuffer, written: EventLoopPromise<Void>?)]) {
        for (events, written) in held {
            guard events.readableBytes > 0, let rest = self.output.send(events) else {
                written?.succeed()
                continue
            }
            self.output.queue.append(rest, written: written)
        }
    }

    // MARK: - The end

    private func end(_ code: CloseCode?, _ side: ConnectionClose.Side) {
        if self.ended == nil { self.ended = TransportEnding(code: code, side: side) }
    }

    /// Ends the body of the answer after all bytes before it, and closes the channel of a client that does not read them in time.
    private func finish(_ code: CloseCode) {
        guard self.isOpen, let eventLoop = self.connection?.shard.eventLoop else { return }
        self.giveUpReplay()
        self.end(code, .server)
        self.writeNow(Self.comment) {
            let output = self.output
            output.closeOutput()
        }
        let deadline = eventLoop.assumeIsolated().scheduleTask(in: self.settings.closeTimeout) { self.close(.cut) }
        self.output.whenClosed { deadline.cancel() }
    }
}

extension EventStreamTransport: TransportHandler, RequestTransport {
    var isDeflated: Bool { false }

    func allowsDeflated(bytes: Int) -> Bool { false }

    var isOpen: Bool { self.ended == nil && !self.output.isClosed }

    var isWritable: Bool { self.output.isWritable }

    var unsentBytes: Int { self.output.unsentBytes + (self.replay?.heldBytes ?? 0) }

    func write(_ bytes: ByteBuffer, allowance: Int, written: EventLoopPromise<Void>?) -> WriteResult {
        guard self.isOpen else { return .closed }
        guard self.replay != nil else { return self.writeLive(bytes, allowance: allowance, written: written) }
        guard self.unsentBytes <= allowance else { return .overAllowance }
        let wasWritable = self.output.isWritable && self.replay?.heldBytes == 0
        guard let rest = self.replay?.live(bytes, written: written) else {
            return .queued(bytes: bytes.readableBytes, wasWritable: wasWritable)
        }
        if self.replay?.isOver == true { self.replay = nil }
        return self.writeLive(rest, allowance: allowance, written: written)
    }

    private func writeLive(_ bytes: ByteBuffer, allowance: Int, written: EventLoopPromise<Void>?) -> WriteResult {
        guard bytes.readableBytes > 0, let rest = self.output.send(bytes) else {
            written?.succeed()
            return .sent
        }
        let wasWritable = self.output.isWritable
        guard wasWritable || self.output.unsentBytes <= allowance else { return .overAllowance }
        // The write may call back before it returns: a failed write closes the channel.
        self.output.queue.append(rest, written: written)
        return .queued(bytes: rest.readableBytes, wasWritable: wasWritable)
    }

    /// A comment: event streams have no pings. It keeps proxies from closing the stream.
    func ping(sent: (() -> Void)?) {
        if self.isOpen { self.writeNow(Self.comment, sent: sent) }
    }

    var hasLeftovers: Bool { false }

    func close(_ reason: CloseReason) {
        switch reason {
        case .close(let code, _), .dismissal(let code, _, _): self.finish(code)
        case .violation(let violation): self.finish(violation.closeCode)
        case .cut:
            self.end(nil, .server)
            let output = self.output
            output.cut()
        }
    }

    func resumeReading() { if self.framing == .eventData, let connection { self.posted.resume(connection) } }

    var ending: TransportEnding { self.ended ?? TransportEnding(code: nil, side: .client) }
}

@available(*, unavailable)
extension EventStreamTransport: Sendable {}
