import NIOConcurrencyHelpers
import NIOCore
import NIOEmbedded
import NIOHTTP1
import VolaryProtocol

@testable import VolaryNode

/// An accepted socket before its first request, on an embedded channel.
final class EmbeddedServer {
    enum Outcome: Equatable {
        case webSocket
        case http
    }

    /// The events of the later handlers, in order.
    enum Event: Equatable {
        case opened(Endpoint)
        case text(String)
        case head(String, upgrade: [String], connection: [String])
        case body(String)
        case end
    }

    static let settings = HTTPSettings(
        maximumHeaderBytes: 16 * 1024,
        maximumHeaderFields: 100,
        handshakeTimeout: .seconds(10),
        idleTimeout: .seconds(60),
        maximumBodyBytes: 2 * 1024 * 1024
    )

    let channel = EmbeddedChannel()
    let wire = Wire()
    let phase = LifecyclePhase()
    private let place: ConnectionSlot
    private let seen = NIOLockedValueBox<[Event]>([])
    private let decision = NIOLockedValueBox<[Outcome]>([])
    private let activity = RecordedActivity()
    private let recorder: NIOLoopBound<RequestRecorder>

    /// Errors that reached the end of the pipeline.
    var errors: Int { self.recorder.value.errors }
    /// Whether the handlers of HTTP requests are absent: there was no such request, or they have been removed.
    /// The turns of the connection's loop.
    private(set) lazy var turns = TurnQueue(eventLoop: self.channel.eventLoop)
    var hasNoRouter: Bool { self.recorder.value.context == nil }
    /// Reasons of refused handshakes, one for each report.
    var refusals: [RefusalReason] {
        RefusalReason.allCases.flatMap { Array(repeating: $0, count: self.refusals($0) ?? 0) }
    }
    var events: [Event] { self.seen.withLockedValue { $0 } }
    /// How many refused handshakes were reported with this reason.
    func refusals(_ reason: RefusalReason) -> Int? {
        self.activity.count("volary_handshakes_refused_total{reason=\"\(reason.text)\"}")
    }

    /// The decision; nil when the upgrade is refused or the socket ends before.
    var outcomes: [Outcome] { self.decision.withLockedValue { $0 } }

    /// - Parameters:
    ///   - peer: nil for no address.
    ///   - greeting: sent to each WebSocket when it is open.
    init(
        phase: LifecyclePhase.Phase = .serving,
        compresses: Bool = false,
        admission: Admission = Admission(maximumConnections: 1000),
        access: WebSocketAuthenticator = WebSocketAuthenticator(origins: nil, tokens: nil, acceptsAnonymous: false),
        peer: String? = nil,
        settings: HTTPSettings = EmbeddedServer.settings,
        greeting: String? = nil
    ) throws {
        self.recorder = NIOLoopBound(RequestRecorder(self.seen), eventLoop: self.channel.eventLoop)
        let (seen, decision, recorder) = (self.seen, self.decision, self.recorder)
        self.phase.enter(phase)
        self.place = ConnectionSlot(in: admission, peer: peer.flatMap { IPAddress($0) })
        let webSockets = WebSocketUpgrade(
            endpoints: [Endpoint.plain, .echo].map { $0.with(Self.application(seen, greeting)) },
            acceptsUserQuery: false,
            compresses: compresses,
            admission: WebSocketAdmission(access: access, pubSub: .closed) { TopicReservation($0, isHeld: false) { _ in } },
            phase: self.phase,
            activity: self.activity.log,
            makeTransport: { [loop = self.channel.embeddedEventLoop] admitted, _ in
                decision.withLockedValue { $0.append(.webSocket) }
                return Self.webSocketTransport(admitted, on: loop)
            }
        )
        try self.channel.pipeline.syncOperations.addHandler(self.wire)
        try self.channel.pipeline.syncOperations.addHTTPHandlers(
            settings: settings,
            place: self.place,
            webSockets: webSockets,
            carrier: .plainSocket,
            timeout: settings.handshakeTimeout,
            turns: self.turns
        ) { channel, reader in
            decision.withLockedValue { $0.append(.http) }
            let handler = recorder.value
            handler.reader = reader
            try channel.pipeline.syncOperations.addHandler(handler)
            return [handler]
        }
        self.channel.pipeline.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
    }

    deinit { _ = try? self.channel.finish(acceptAlreadyClosed: true) }

    /// Closes the socket.
    func close() {
        self.channel.close(promise: nil)
        self.channel.embeddedEventLoop.run()
        self.place.release()
    }

    static func application(_ seen: NIOLockedValueBox<[Event]>, _ greeting: String?) -> ClosureApplication {
        ClosureApplication(
            connected: { connection in
                seen.withLockedValue { $0.append(.opened(connection.endpoint)) }
                if let greeting { connection.send(FrameEncoder.encode(opcode: .text, payload: ByteBuffer(string: greeting))) }
            },
            received: { connection, message, done in
                if case .text(let text) = message {
                    seen.withLockedValue { $0.append(.text(String(buffer: text))) }
                    connection.send(FrameEncoder.encode(opcode: .text, payload: text))
                }
                done()
            }
        )
    }

    static func webSocketTransport(
        _ admitted: WebSocketAdmission.AdmittedClient,
        on loop: EmbeddedEventLoop
    ) -> WebSocketTransport {
        WebSocketTransport(
            settings: WebSocketSettings(messageLimits: MessageLimits(), closeTimeout: .seconds(5), now: { 0 }),
            admitted: admitted,
            host: ConnectionHost(
                connections: EmbeddedWebSocket.manager(on: loop),
                settings: ConnectionSettings(maximumUnsentBytes: 1 << 20, pingInterval: .seconds(30), now: { 0 }),
                observer: ClosureObserver()
            )
        )
    }

    /// - Parameter runs: whether the event loop runs afterwards. If not, later parts count as the same read.
    func receive(_ bytes: some Sequence<UInt8>, runs: Bool = true) {
        self.channel.pipeline.fireChannelRead(ByteBuffer(bytes: bytes))
        self.channel.pipeline.fireChannelReadComplete()
        if runs { self.channel.embeddedEventLoop.run() }
    }

    func receive(_ text: String) { self.receive(text.utf8) }

    /// Closes the client's half.
    func endInput() {
        self.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        self.channel.embeddedEventLoop.run()
    }

    /// Answers the oldest request.
    func answer(_ text: String = "") {
        self.recorder.value.answer(text)
        self.channel.embeddedEventLoop.run()
    }

    /// Makes the router stop or resume taking requests.
    func setFull(_ isFull: Bool) {
        self.recorder.value.reader?.isFull = isFull
        self.channel.embeddedEventLoop.run()
    }

    /// The number of body bytes that may still come, for a body that the router collects.
    func setBodyBytes(_ count: Int) { self.recorder.value.reader?.bodyBytes = count }

    /// Called with each event of the router.
    var onEvent: (Event) -> Void {
        get { self.recorder.value.onEvent }
        set { self.recorder.value.onEvent = newValue }
    }

    /// Number of buffered bytes.
    var waitingBytes: Int {
        (try? self.channel.pipeline.syncOperations.handler(type: RequestReader.self).count) ?? 0
    }

    /// The bytes that the client has received since the last call.
    func sent() throws -> ByteBuffer {
        var bytes = ByteBuffer()
        while let part = try self.channel.readOutbound(as: ByteBuffer.self) { bytes.writeImmutableBuffer(part) }
        return bytes
    }

    func advance(_ time: TimeAmount) { self.channel.embeddedEventLoop.advanceTime(by: time) }
}

/// Replaces the router. It answers on demand.
private final class RequestRecorder: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let seen: NIOLockedValueBox<[EmbeddedServer.Event]>
    private(set) var errors = 0
    private(set) var context: ChannelHandlerContext?
    weak var reader: RequestReader?
    var onEvent: (EmbeddedServer.Event) -> Void = { _ in }

    init(_ seen: NIOLockedValueBox<[EmbeddedServer.Event]>) {
        self.seen = seen
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { self.errors += 1 }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let event: EmbeddedServer.Event =
            switch self.unwrapInboundIn(data) {
            case .head(let head):
                .head("\(head.method) \(head.uri)", upgrade: head.headers["upgrade"], connection: head.headers["connection"])
            case .body(let bytes): .body(String(buffer: bytes))
            case .end: .end
            }
        self.seen.withLockedValue { $0.append(event) }
        self.onEvent(event)
    }

    func answer(_ text: String) {
        guard let context else { return }
        let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: ["content-length": "\(text.utf8.count)"])
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
        context.write(self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
    }
}

@available(*, unavailable)
extension RequestRecorder: Sendable {}
