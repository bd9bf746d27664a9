import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// A WebSocket client based on NIO's own frame codec and client upgrade, so that an independent implementation checks the server.
///
/// It answers pings, answers a close unless configured otherwise, and keeps received messages until they are taken.
public final class WebSocketTestClient: Sendable {
    public enum Message: Hashable, Sendable {
        case text(String)
        case binary([UInt8])
    }

    public enum Failure: Error {
        /// The answer was not 101.
        case notUpgraded
        /// No message arrived in time.
        case timeout
        /// The connection ended, and no message is left.
        case ended
    }

    /// The behavior of a client.
    public struct Options: Sendable {
        public var subprotocols: [String] = []
        /// If false, a close frame of the server is recorded but not answered.
        public var answersClose = true
        public var headers: [String: String] = [:]
        /// Nil for ws, without TLS.
        public var tls: TestTLS?
        /// Sent before anything else, TLS included, like a proxy's header.
        public var preface: [UInt8]

        public init(
            subprotocols: [String] = [],
            answersClose: Bool = true,
            headers: [String: String] = [:],
            tls: TestTLS? = nil,
            preface: [UInt8] = []
        ) {
            self.preface = preface
            self.headers = headers
            self.subprotocols = subprotocols
            self.answersClose = answersClose
            self.tls = tls
        }
    }

    private let channel: any Channel
    private let state: NIOLockedValueBox<WebSocketTestState>

    public static func connect(
        host: String = "127.0.0.1",
        port: Int,
        path: String = "/ws",
        options: Options = Options()
    ) async throws -> WebSocketTestClient {
        _ = OpenFiles.raised
        let state = NIOLockedValueBox(WebSocketTestState())
        var headers = HTTPHeaders([("host", "\(host):\(port)"), ("content-length", "0")])
        for name in options.subprotocols { headers.add(name: "sec-websocket-protocol", value: name) }
        for (name, value) in options.headers { headers.add(name: name, value: value) }
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path, headers: headers)
        let upgraded: EventLoopFuture<Bool> = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connect(host: host, port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Preface(bytes: options.preface))
                    try options.tls?.addHandler(to: channel)
                    let upgrader = NIOTypedWebSocketClientUpgrader<Bool>(
                        maxFrameSize: 1 << 26,
                        enableAutomaticErrorHandling: false,
                        upgradePipelineHandler: { channel, response in
                            channel.eventLoop.makeCompletedFuture {
                                state.withLockedValue {
                                    $0.channel = channel
                                    $0.subprotocol = response.headers.first(name: "sec-websocket-protocol")
                                }
                                try channel.pipeline.syncOperations.addHandler(
                                    WebSocketTestHandler(state: state, answersClose: options.answersClose)
                                )
                                return true
                            }
                        }
                    )
                    var configuration = NIOUpgradableHTTPClientPipelineConfiguration(
                        upgradeConfiguration: .init(
                            upgradeRequestHead: head,
                            upgraders: [upgrader],
                            notUpgradingCompletionHandler: { $0.close().map { false } }
                        )
                    )
                    // A message may arrive in the same packet as the 101.
                    configuration.leftOverBytesStrategy = .forwardBytes
                    return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(configuration: configuration)
                }
            }
        guard try await upgraded.get(), let channel = state.withLockedValue({ $0.channel }) else { throw Failure.notUpgraded }
        return WebSocketTestClient(channel: channel, state: state)
    }

    private init(channel: any Channel, state: NIOLockedValueBox<WebSocketTestState>) {
        self.channel = channel
        self.state = state
    }

    deinit { self.channel.close(promise: nil) }

    // MARK: - Sending

    public func send(_ text: String) async throws { try await self.send(.text, Array(text.utf8)) }

    public func send(_ bytes: [UInt8]) async throws { try await self.send(.binary, bytes) }

    /// The type of a frame.
    public enum Opcode: Sendable {
        case continuation
        case text
        case binary
        case ping
        case close
    }

    /// Sends one frame, which may be invalid.
    public func send(_ opcode: Opcode, _ payload: [UInt8], fin: Bool = true, masked: Bool = true) async throws {
        try await self.channel.writeAndFlush(
            WebSocketFrame(fin: fin, opcode: opcode.value, maskKey: masked ? .random() : nil, data: ByteBuffer(bytes: payload))
        )
    }

    /// Sends many texts with one flush.
    public func send(_ texts: [String]) async throws {
        for text in texts {
            self.channel.write(
                WebSocketFrame(fin: true, opcode: .text, maskKey: .random(), data: ByteBuffer(string: text)),
                promise: nil
            )
        }
        self.channel.flush()
    }

    /// Starts the closing handshake.
    public func close(code: UInt16 = 1000) async throws {
        self.state.withLockedValue { $0.sentClose = true }
        try await self.send(.close, [UInt8(code >> 8), UInt8(code & 0xFF)])
    }

    /// Closes the TCP connection without a closing handshake.
    public func disconnect() async { try? await self.channel.close() }

    // MARK: - Receiving

    /// Takes the oldest message that has not been taken yet.
    public func next(within deadline: Duration = .seconds(30)) async throws -> Message {
        let promise = self.channel.eventLoop.makePromise(of: Message.self)
        let timeout = self.channel.eventLoop.scheduleTask(in: TimeAmount(deadline)) {
            // A waiter that has its message is no longer registered.
            if self.state.withLockedValue({ $0.removeWaiter(promise) }) { promise.fail(Failure.timeout) }
        }
        defer { timeout.cancel() }
        let state = self.state
        self.channel.eventLoop.execute { state.withLockedValue { $0.next(promise) }?() }
        return try await promise.futureResult.get()
    }

    /// Takes all messages that have arrived.
    public func takeAll() -> [Message] { self.state.withLockedValue { $0.takeAll() } }

    /// Returns once the TCP connection has ended.
    public func waitForEnd() async { try? await self.channel.closeFuture.get() }

    /// How many messages have arrived and have not been taken.
    public var waiting: Int { self.state.withLockedValue { $0.inbox.count } }

    /// Payloads of the pongs so far.
    public var pongs: [[UInt8]] { self.state.withLockedValue { $0.pongs } }

    /// The subprotocol that the server chose.
    public var subprotocol: String? { self.state.withLockedValue { $0.subprotocol } }

    /// The code of the server's close frame; 1005 for a frame without a code.
    public var closeCode: Int? { self.state.withLockedValue { $0.closeCode } }

    public var closeReason: String? { self.state.withLockedValue { $0.closeReason } }

    /// Whether the TCP connection has ended.
    public var isEnded: Bool { self.state.withLockedValue { $0.isEnded } }

    /// - Returns: the code of the server's close frame once the TCP connection has ended too; nil if either did not happen in
    ///   time.
    public func closed(within deadline: Duration = .seconds(30)) async -> Int? {
        await eventually(within: deadline) { self.isEnded } ? self.closeCode : nil
    }
}

extension WebSocketTestClient.Opcode {
    fileprivate var value: WebSocketOpcode {
        switch self {
        case .continuation: .continuation
        case .text: .text
        case .binary: .binary
        case .ping: .ping
        case .close: .connectionClose
        }
    }
}
