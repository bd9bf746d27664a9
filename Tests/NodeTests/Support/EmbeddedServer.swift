import NIOConcurrencyHelpers
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Protocol

@testable import Node

/// An accepted socket, before it has said what it is for.
final class EmbeddedServer {
    enum Outcome: Equatable {
        case webSocket
        case http
    }

    /// What the parts behind the decision have seen, in its order.
    enum Event: Equatable {
        case opened(Connection.Endpoint)
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
    private let place: Place
    private let seen = NIOLockedValueBox<[Event]>([])
    private let failures = NIOLockedValueBox(0)
    private let decision = NIOLockedValueBox<[Outcome]>([])
    private let activity = RecordedActivity()

    /// Errors that the router would have heard of.
    var errors: Int { self.failures.withLockedValue { $0 } }
    var events: [Event] { self.seen.withLockedValue { $0 } }
    /// How many refused handshakes were told for this reason.
    func refusals(_ reason: RefusalReason) -> Int? {
        self.activity.count("volary_handshakes_refused_total{reason=\"\(reason.text)\"}")
    }

    /// What was decided; nothing is, when the upgrade is refused or the socket ends before.
    var outcomes: [Outcome] { self.decision.withLockedValue { $0 } }

    /// - Parameter peer: nil for no address.
    init(
        isDraining: Bool = false,
        compresses: Bool = false,
        admission: Admission = Admission(maximumConnections: 1000),
        peer: String? = nil,
        settings: HTTPSettings = EmbeddedServer.settings
    ) throws {
        let (seen, decision) = (self.seen, self.decision)
        self.place = Place(in: admission, peer: peer.flatMap { IPAddress($0) })
        let delegate = UpgradeHandler.Delegate(
            acceptsConnections: { !isDraining },
            keepsConnections: { !isDraining },
            acceptsUserQuery: false,
            compresses: compresses,
            admission: WebSocketAdmission(access: WebSocketAccess(origins: nil, tokens: nil, acceptsAnonymous: false)) {
                TopicReservation($0, isHeld: false) { _ in }
            },
            refused: self.activity.log.handshakeRefused,
            makeWebSocketHandler: { guest in
                decision.withLockedValue { $0.append(.webSocket) }
                return Self.webSocketHandler(guest, seen)
            },
            becomeHTTP: { _ in decision.withLockedValue { $0.append(.http) } }
        )
        let encoder = HTTPResponseEncoder()
        let decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes))
        let errors = HTTPErrorHandler(settings: settings)
        let deadlines = RequestDeadlines(bodyTimeout: settings.bodyTimeout, answerTimeout: settings.answerTimeout)
        let upgrade = UpgradeHandler(
            delegate: delegate,
            place: self.place,
            timeout: .seconds(10),
            encoder: encoder,
            decoder: decoder,
            others: [errors, deadlines]
        )
        try self.channel.pipeline.syncOperations.addHandlers([
            self.wire, encoder, decoder, deadlines, errors, upgrade, RequestRecorder(seen, self.failures),
        ])
        self.channel.pipeline.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
    }

    deinit { _ = try? self.channel.finish(acceptAlreadyClosed: true) }

    /// The socket is gone.
    func close() {
        self.channel.close(promise: nil)
        self.channel.embeddedEventLoop.run()
        self.place.leave()
    }

    private static func webSocketHandler(
        _ guest: WebSocketAdmission.Guest,
        _ seen: NIOLockedValueBox<[Event]>
    ) -> WebSocketHandler {
        let settings = WebSocketSettings(
            messageLimits: MessageLimits(),
            maximumUnsentBytes: 1 << 20,
            pingInterval: .seconds(30),
            closeTimeout: .seconds(5),
            now: { 0 }
        )
        let events = ClosureEvents(
            opened: { connection, _ in seen.withLockedValue { $0.append(.opened(connection.endpoint)) } },
            received: { connection, message, done in
                if case .text(let text) = message {
                    seen.withLockedValue { $0.append(.text(String(buffer: text))) }
                    connection.send(FrameEncoder.encode(opcode: .text, payload: text))
                }
                done()
            }
        )
        return WebSocketHandler(settings: settings, guest: guest, events: events)
    }

    /// - Parameter runs: whether the event loop gets a turn after it; the same read may bring several parts otherwise.
    func receive(_ bytes: some Sequence<UInt8>, runs: Bool = true) {
        self.channel.pipeline.fireChannelRead(ByteBuffer(bytes: bytes))
        self.channel.pipeline.fireChannelReadComplete()
        if runs { self.channel.embeddedEventLoop.run() }
    }

    func receive(_ text: String) { self.receive(text.utf8) }

    /// What the client has read since the last call.
    func sent() throws -> ByteBuffer {
        var bytes = ByteBuffer()
        while let part = try self.channel.readOutbound(as: ByteBuffer.self) { bytes.writeImmutableBuffer(part) }
        return bytes
    }

    func advance(_ time: TimeAmount) { self.channel.embeddedEventLoop.advanceTime(by: time) }
}

/// Stands for the router.
private final class RequestRecorder: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart

    private let seen: NIOLockedValueBox<[EmbeddedServer.Event]>
    private let failures: NIOLockedValueBox<Int>

    init(_ seen: NIOLockedValueBox<[EmbeddedServer.Event]>, _ failures: NIOLockedValueBox<Int>) {
        self.seen = seen
        self.failures = failures
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { self.failures.withLockedValue { $0 += 1 } }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let event: EmbeddedServer.Event =
            switch self.unwrapInboundIn(data) {
            case .head(let head):
                .head("\(head.method) \(head.uri)", upgrade: head.headers["upgrade"], connection: head.headers["connection"])
            case .body(let bytes): .body(String(buffer: bytes))
            case .end: .end
            }
        self.seen.withLockedValue { $0.append(event) }
    }
}

@available(*, unavailable)
extension RequestRecorder: Sendable {}
