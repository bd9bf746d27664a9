import NIOCore
import NIOEmbedded
import Testing
import VolaryProtocol

@testable import VolaryNode

/// A WebSocket on an embedded channel, after its handshake, and what its handler tells.
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
    private(set) var events: [Event] = []
    private(set) var connection: Connection!
    /// To be called for each message, in their order.
    private(set) var unfinished: [@Sendable () -> Void] = []
    private var unread = ByteBuffer()

    static let node = NodeID(rawValue: 0x0A0B_0C0D)

    /// - Parameters:
    ///   - finishes: whether messages count as done as soon as they were received.
    ///   - echoes: whether texts are sent back.
    ///   - turns: where the connection waits for its turns; by default it waits for nobody else.
    init(
        maximumMessageBytes: Int = 1024,
        maximumUnsentBytes: Int = 1000,
        endpoint: Connection.Endpoint = .plain,
        compression: NegotiatedDeflate? = nil,
        finishes: Bool = true,
        echoes: Bool = false,
        turns: TurnQueue? = nil,
        loop: EmbeddedEventLoop = EmbeddedEventLoop(),
        maximumFrames: Int = 16_384,
        bounds: ConnectionLimits = ConnectionLimits(),
        onOpened: @escaping (Connection) -> Void = { _ in },
        onClosed: @escaping (Connection) -> Void = { _ in }
    ) throws {
        self.channel = EmbeddedChannel(loop: loop)
        let ownTurns = TurnQueue(eventLoop: loop)
        let settings = WebSocketSettings(
            messageLimits: MessageLimits(maximumMessageBytes: maximumMessageBytes, maximumFramesPerMessage: maximumFrames),
            maximumUnsentBytes: maximumUnsentBytes,
            pingInterval: .seconds(30),
            closeTimeout: .seconds(5),
            now: { 1_781_330_401_000 },
            bounds: bounds
        )
        let events = ClosureEvents(
            turns: { _ in turns ?? ownTurns },
            opened: { [weak self] connection, _ in
                self?.connection = connection
                self?.events.append(.opened)
                onOpened(connection)
            },
            received: { [weak self] connection, message, done in
                switch message {
                case .text(let text):
                    self?.events.append(.text(String(buffer: text)))
                    if echoes { connection.send(FrameEncoder.encode(opcode: .text, payload: text)) }
                case .binary(let bytes): self?.events.append(.binary(Array(buffer: bytes)))
                }
                if finishes { done() } else { self?.unfinished.append(done) }
            },
            closed: { [weak self] connection, _ in
                self?.events.append(.closed)
                onClosed(connection)
            },
            limitExceeded: { [weak self] in self?.events.append(.limitExceeded($0)) },
            dropped: { [weak self] in self?.events.append(.dropped(first: $0)) },
            goneUnread: { [weak self] in self?.events.append(.goneUnread) }
        )
        try self.channel.pipeline.syncOperations.addHandler(self.wire)
        try self.channel.pipeline.syncOperations.addHandler(
            WebSocketHandler(
                settings: settings,
                guest: WebSocketAdmission.AdmittedClient(
                    client: WebSocketHandshake.Client(endpoint: endpoint, user: nil, compression: compression)
                ),
                events: events
            )
        )
        self.channel.pipeline.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
    }

    /// The texts that its client has sent.
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

    /// What the client has read since the last call.
    func sent() throws -> [ServerFrame] {
        while let bytes = try self.channel.readOutbound(as: ByteBuffer.self) { self.unread.writeImmutableBuffer(bytes) }
        return ServerFrame.read(&self.unread)
    }

    /// Finishes the oldest messages that are not.
    func finish(_ count: Int) {
        for done in self.unfinished.prefix(count) { done() }
        self.unfinished.removeFirst(count)
    }

    /// Moves the loop's clock, and looks after the connection once, as its shard does a few times in its shortest limit.
    func advanceAndLook(_ time: TimeAmount) {
        self.advance(time)
        self.connection.keepAlive(now: self.channel.embeddedEventLoop.now)
    }

    func advance(_ time: TimeAmount) { self.channel.embeddedEventLoop.advanceTime(by: time) }
}
