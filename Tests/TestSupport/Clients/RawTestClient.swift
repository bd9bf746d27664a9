import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP2
import NIOPosix
import NIOSSL

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A TCP client for bytes that no correct client would send.
public final class RawTestClient: Sendable {
    private let channel: any Channel
    private let state: NIOLockedValueBox<State>

    private struct State {
        var received: [UInt8] = []
        var isEnded = false
        var isTruncated = false
    }

    /// - Parameters:
    ///   - tls: nil for plain TCP.
    ///   - preface: sent before anything else, TLS included, like a proxy's header.
    ///   - allowsHalfClosure: whether the client keeps its own half open when the server closes its half; ``isEnded`` then means that both
    ///     are closed.
    ///   - receiveBuffer: bytes that the kernel keeps for the client; nil for the system's default.
    public static func connect(
        port: Int,
        tls: TestTLS? = nil,
        preface: [UInt8] = [],
        allowsHalfClosure: Bool = false,
        receiveBuffer: Int? = nil
    ) async throws -> RawTestClient {
        let state = NIOLockedValueBox(State())
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: allowsHalfClosure)
        if let receiveBuffer {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: .init(receiveBuffer))
        }
        let channel =
            try await bootstrap
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Preface(bytes: preface))
                    try tls?.addHandler(to: channel)
                    try channel.pipeline.syncOperations.addHandler(Self.handler(state))
                }
            }
            .connect(host: "127.0.0.1", port: port)
            .get()
        return RawTestClient(channel: channel, state: state)
    }

    /// A stream of a new HTTP/2 connection in place of a connection of HTTP/1.1. What it sends and receives looks as over HTTP/1.1
    /// (``StreamTranslator``).
    public static func overHTTP2(port: Int) async throws -> RawTestClient {
        var configuration = NIOHTTP2Handler.ConnectionConfiguration()
        configuration.headerBlockValidation = .disabled
        configuration.contentLengthValidation = .disabled
        // A server may refuse an extended CONNECT before its settings are acknowledged.
        let hasSettings = NIOLockedValueBox(false)
        let streams = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { [configuration] channel in
                channel.configureHTTP2Pipeline(
                    mode: .client,
                    connectionConfiguration: configuration,
                    streamConfiguration: NIOHTTP2Handler.StreamConfiguration()
                ) {
                    $0.eventLoop.makeSucceededVoidFuture()
                }.flatMapThrowing { streams in
                    let settings = ServerSettings { hasSettings.withLockedValue { $0 = true } }
                    try channel.pipeline.syncOperations.addHandler(settings)
                    return streams
                }
            }
        _ = await eventually { hasSettings.withLockedValue { $0 } }
        let state = NIOLockedValueBox(State())
        let channel = try await streams.createStreamChannel { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandlers([StreamTranslator(), Self.handler(state)])
            }
        }.get()
        return RawTestClient(channel: channel, state: state)
    }

    private init(channel: any Channel, state: NIOLockedValueBox<State>) {
        self.channel = channel
        self.state = state
    }

    deinit { (self.channel.parent ?? self.channel).close(promise: nil) }

    public func send(_ text: String) async throws { try await self.send(bytes: Array(text.utf8)) }

    public func send(bytes: [UInt8]) async throws { try await self.channel.writeAndFlush(ByteBuffer(bytes: bytes)) }

    /// - Returns: whether the kernel has taken all bytes within the deadline. It has not when the server closes the connection
    ///   or does not read. The remaining bytes are sent as soon as possible.
    public func sends(_ bytes: [UInt8], within deadline: Duration) async -> Bool {
        let result = NIOLockedValueBox<Bool?>(nil)
        self.channel.writeAndFlush(ByteBuffer(bytes: bytes)).whenComplete { outcome in
            result.withLockedValue { $0 = (try? outcome.get()) != nil }
        }
        _ = await eventually(within: deadline) { result.withLockedValue { $0 } != nil }
        return result.withLockedValue { $0 } ?? false
    }

    /// Sends, waits for an answer, and resets the connection.
    public func reset(behind text: String, when isAnswered: (String) -> Bool) async throws {
        try await self.send(text)
        _ = await eventually { isAnswered(self.received) }
        try await (self.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        try await self.channel.close()
    }

    /// Closes both halves. Does nothing once the connection has ended.
    public func close() async { try? await self.channel.close() }

    /// Closes the sending half of the connection, and keeps reading.
    public func endOutput() async throws { try await self.channel.close(mode: .output) }

    /// Stops reading from the socket.
    public func stopReading() async throws { try await self.channel.setOption(.autoRead, value: false).get() }

    public func resumeReading() async throws { try await self.channel.setOption(.autoRead, value: true).get() }

    /// All bytes so far.
    public var received: String { String(decoding: self.bytes, as: UTF8.self) }

    public var bytes: [UInt8] { self.state.withLockedValue { $0.received } }

    /// Whether the server has closed the connection.
    public var isEnded: Bool { self.state.withLockedValue { $0.isEnded } }

    /// Whether a TLS connection ended without `close_notify`.
    public var isTruncated: Bool { self.state.withLockedValue { $0.isTruncated } }

    private static func handler(_ state: NIOLockedValueBox<State>) -> InboundBytes {
        InboundBytes { bytes in
            state.withLockedValue { $0.received.append(contentsOf: bytes.readableBytesView) }
        } ended: {
            state.withLockedValue { $0.isEnded = true }
        } failed: { error in
            if error as? NIOSSLError == .uncleanShutdown { state.withLockedValue { $0.isTruncated = true } }
        }
    }
}
