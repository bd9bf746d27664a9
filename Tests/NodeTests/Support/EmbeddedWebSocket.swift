import NIOCore
import NIOEmbedded
import Testing
import VolaryProtocol

@testable import VolaryNode

/// A WebSocket on an embedded channel, after its handshake, and the events of its handler.
final class EmbeddedWebSocket {
    enum Event: Equatable {
        case opened
        case text(String)
        case binary([UInt8])
        case closed
        case limitExceeded(LimitViolation)
        case dropped(first: Bool)
        case goneUnread
    }

    let channel: EmbeddedChannel
    let wire = Wire()
    let transport: WebSocketTransport
    private let seen: Seen
    private var unread = ByteBuffer()

    /// The events of the connection, in order.
    private final class Seen {
        var events: [Event] = []
        var connection: Connection!
        var unfinished: [@Sendable () -> Void] = []
    }

    var events: [Event] { self.seen.events }
    var connection: Connection { self.seen.connection }
    /// The completions of the messages, in order.
    var unfinished: [@Sendable () -> Void] { self.seen.unfinished }

    static let node = NodeID(rawValue: 0x0A0B_0C0D)

    /// - Parameters:
    ///   - finishes: whether each message is completed as soon as it is received.
    ///   - echoes: whether texts are sent back.
    ///   - offers: WebSocket subprotocols.
    ///   - manager: holds the connection; by default it holds no others.
    ///   - isWritable: whether the channel is writable at first.
    init(
        maximumMessageBytes: Int = 1024,
        maximumUnsentBytes: Int = 1000,
        endpoint: Endpoint = .plain,
        hub: HubName = .default,
        offers: [String] = [],
        compression: NegotiatedDeflate? = nil,
        carrier: WebSocketCarrier = .plainSocket,
        isWritable: Bool = true,
        finishes: Bool = true,
        echoes: Bool = false,
        manager: ConnectionManager? = nil,
        loop: EmbeddedEventLoop = EmbeddedEventLoop(),
        maximumFrames: Int = 16_384,
        bounds: ConnectionLimits = ConnectionLimits(),
        onOpened: @escaping (Connection) -> Void = { _ in },
        onEnding: @escaping (TransportEnding) -> Void = { _ in }
    ) throws {
        self.channel = EmbeddedChannel(loop: loop)
        let settings = WebSocketSettings(
            messageLimits: MessageLimits(maximumMessageBytes: maximumMessageBytes, maximumFramesPerMessage: maximumFrames),
            closeTimeout: .seconds(5),
            now: { 1_781_330_401_000 }
        )
        let seen = Seen()
        self.seen = seen
        let application = ClosureApplication(
            connected: { connection in
                seen.connection = connection
                seen.events.append(.opened)
                onOpened(connection)
            },
            received: { connection, message, done in
                switch message {
                case .text(let text):
                    seen.events.append(.text(String(buffer: text)))
                    if echoes { connection.send(FrameEncoder.encode(opcode: .text, payload: text)) }
                case .binary(let bytes): seen.events.append(.binary(Array(buffer: bytes)))
                }
                if finishes { done() } else { seen.unfinished.append(done) }
            },
            disconnected: { _ in seen.events.append(.closed) }
        )
        let host = ConnectionHost(
            connections: manager ?? Self.manager(on: loop),
            settings: ConnectionSettings(
                maximumUnsentBytes: maximumUnsentBytes,
                pingInterval: .seconds(30),
                bounds: bounds,
                now: { 1_781_330_401_000 }
            ),
            observer: ClosureObserver(
                limitExceeded: { seen.events.append(.limitExceeded($0)) },
                dropped: { seen.events.append(.dropped(first: $0)) },
                goneUnread: { seen.events.append(.goneUnread) },
                closed: onEnding
            )
        )
        self.transport = WebSocketTransport(
            settings: settings,
            admitted: WebSocketAdmission.AdmittedClient(
                client: WebSocketHandshake.Client(
                    endpoint: endpoint.with(application),
                    hub: hub,
                    spoken: endpoint.choose(of: offers).spoken,
                    subprotocol: endpoint.choose(of: offers).name,
                    compression: compression
                )
            ),
            carrier: carrier,
            host: host
        )
        self.channel.isWritable = isWritable
        try self.channel.pipeline.syncOperations.addHandler(self.wire)
        try self.channel.pipeline.syncOperations.addHandler(self.transport)
        self.channel.pipeline.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
    }

    /// A manager with one loop that does not check connections by itself.
    static func manager(on loop: EmbeddedEventLoop, sockets: Admission? = nil) -> ConnectionManager {
        ConnectionManager(node: self.node, eventLoops: [loop], pingInterval: .hours(1_000_000), sockets: sockets)
    }

    /// The texts that the client has sent.
    var messages: [String] {
        self.events.compactMap { if case .text(let text) = $0 { text } else { nil } }
    }

    deinit { _ = try? self.channel.finish(acceptAlreadyClosed: true) }

    func receive(_ bytes: [UInt8]...) {
        for part in bytes { self.channel.pipeline.fireChannelRead(ByteBuffer(bytes: part)) }
        self.channel.pipeline.fireChannelReadComplete()
    }

    func send(_ text: String) -> Bool {
        self.connection.send(FrameEncoder.encode(opcode: .text, payload: ByteBuffer(string: text)))
    }

    /// The bytes that the client has received since the last call.
    func sent() throws -> [ServerFrame] {
        while let bytes = try self.channel.readOutbound(as: ByteBuffer.self) { self.unread.writeImmutableBuffer(bytes) }
        return ServerFrame.read(&self.unread)
    }

    /// Completes the oldest unfinished messages.
    func finish(_ count: Int) {
        let oldest = self.seen.unfinished.prefix(count)
        for done in oldest { done() }
        self.seen.unfinished.removeFirst(count)
    }

    /// Changes the channel's writability, as a real channel does at its water marks.
    func setWritable(_ isWritable: Bool) {
        self.channel.isWritable = isWritable
        self.channel.pipeline.fireChannelWritabilityChanged()
    }

    /// Advances the loop's clock and checks the connection once, as its shard does periodically.
    func advanceAndLook(_ time: TimeAmount) {
        self.advance(time)
        self.connection.keepAlive(now: self.channel.embeddedEventLoop.now)
    }

    func advance(_ time: TimeAmount) { self.channel.embeddedEventLoop.advanceTime(by: time) }
}
