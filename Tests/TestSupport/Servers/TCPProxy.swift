import NIOConcurrencyHelpers
public import NIOCore
import NIOPosix

/// A TCP proxy on a loopback port, in front of a server that need not run. It simulates a network that delays, throttles or drops
/// data, in one direction or both.
///
/// Held data is kept, and so are the ends of connections. When the proxy passes data again, late bytes of connections that were
/// closed long ago arrive after all, as in a network whose cable is plugged in again.
public final class TCPProxy: Sendable {
    public enum Direction: CaseIterable, Sendable {
        case toServer
        case toClient
    }

    public enum Mode: Hashable, Sendable {
        case pass
        /// Nothing passes. New connections are accepted, but get no answer.
        case hold
        case delay(Duration)
        case throttle(bytesPerSecond: Int)
        /// Each connection is closed in both directions after a random number of bytes, at most this many.
        case cut(within: Int)
        /// Each received piece is dropped, and these bytes are sent instead.
        case replace([UInt8])
    }

    /// What has happened so far, as a test's proof that its fault took effect.
    public struct Counters: Hashable, Sendable {
        public var connections = 0
        /// Connections that the server closed or did not accept.
        public var serverEnds = 0
        public var bytes = 0
        /// Bytes that arrived while their direction did not pass data normally.
        public var hinderedBytes = 0
    }

    /// All proxies share a separate thread, so that the clients of a test do not delay the nodes' traffic to Redis.
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    public let port: Int
    private let listener: any Channel
    private let core: NIOLoopBoundBox<TCPProxyCore>
    private let tally: NIOLockedValueBox<Counters>

    /// - Parameters:
    ///   - server: the loopback port that connections are forwarded to.
    ///   - rewriting: for each connection, what changes its bytes to the server; nil: nothing does.
    ///   - rewritingAnswers: the same for the bytes from the server.
    public static func start(
        to server: Int,
        rewriting: (@Sendable () -> any StreamRewriter)? = nil,
        rewritingAnswers: (@Sendable () -> any StreamRewriter)? = nil
    ) async throws -> TCPProxy {
        // All channels are on one event loop, so that a change of mode takes effect for all at once.
        let eventLoop = Self.group.next()
        let tally = NIOLockedValueBox(Counters())
        let core = NIOLoopBoundBox.makeBoxSendingValue(
            TCPProxyCore(
                server: server,
                rewriting: [.toServer: rewriting, .toClient: rewritingAnswers].compactMapValues { $0 },
                tally: tally
            ),
            eventLoop: eventLoop
        )
        let listener = try await ServerBootstrap(group: eventLoop, childGroup: eventLoop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            // A small buffer, so that the server soon notices a client that does not read.
            .childChannelOption(.socketOption(.so_sndbuf), value: TCPProxyPump.limitBytes)
            .childChannelInitializer { channel in core.value.accepted(channel) }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        return TCPProxy(listener: listener, core: core, tally: tally)
    }

    private init(listener: any Channel, core: NIOLoopBoundBox<TCPProxyCore>, tally: NIOLockedValueBox<Counters>) {
        self.port = listener.localAddress?.port ?? 0
        self.listener = listener
        self.core = core
        self.tally = tally
    }

    public var counters: Counters { self.tally.withLockedValue { $0 } }

    /// The URL for clients, like ``RedisServer/url``.
    public var url: String { "redis://127.0.0.1:\(self.port)" }

    /// Applies to open connections too.
    public func set(_ mode: Mode, _ directions: [Direction] = Direction.allCases) async throws {
        try await self.onLoop { core in
            for direction in directions { core.set(mode, direction) }
        }
    }

    /// Closes all connections in both directions at once.
    public func cut() async throws {
        try await self.onLoop { $0.cut() }
    }

    public func stop() async {
        try? await self.listener.close()
        try? await self.cut()
    }

    private func onLoop(_ body: @escaping @Sendable (TCPProxyCore) -> Void) async throws {
        try await self.listener.eventLoop.submit { body(self.core.value) }.get()
    }
}

/// Changes the bytes of one direction of one connection. Used on one event loop.
public protocol StreamRewriter: AnyObject {
    /// - Parameter bytes: a piece of the stream. What is not returned may come with a later one.
    func rewrite(_ bytes: ByteBuffer) -> ByteBuffer
}

/// The part of the proxy on the event loop.
final class TCPProxyCore {
    private let server: Int
    private let rewriting: [TCPProxy.Direction: @Sendable () -> any StreamRewriter]
    private let tally: NIOLockedValueBox<TCPProxy.Counters>
    private var modes: [TCPProxy.Direction: TCPProxy.Mode] = [:]
    private var pumps: [ObjectIdentifier: TCPProxyPump] = [:]

    init(
        server: Int,
        rewriting: [TCPProxy.Direction: @Sendable () -> any StreamRewriter],
        tally: NIOLockedValueBox<TCPProxy.Counters>
    ) {
        self.server = server
        self.rewriting = rewriting
        self.tally = tally
    }

    func set(_ mode: TCPProxy.Mode, _ direction: TCPProxy.Direction) {
        self.modes[direction] = mode
        for pump in self.pumps.values where pump.direction == direction { pump.mode = mode }
    }

    func cut() {
        for pump in self.pumps.values { pump.source?.close(promise: nil) }
    }

    func accepted(_ client: any Channel) -> EventLoopFuture<Void> {
        self.tally.withLockedValue { $0.connections += 1 }
        let box = NIOLoopBound(self, eventLoop: client.eventLoop)
        return ClientBootstrap(group: client.eventLoop)
            .channelOption(.autoRead, value: false)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_rcvbuf), value: TCPProxyPump.limitBytes)
            .connect(host: "127.0.0.1", port: self.server)
            .flatMapThrowing { server in try box.value.join(client, server) }
            .flatMapErrorThrowing { error in
                box.value.tally.withLockedValue { $0.serverEnds += 1 }
                throw error
            }
    }

    private func join(_ client: any Channel, _ server: any Channel) throws {
        let toServer = self.pump(.toServer, to: server)
        let toClient = self.pump(.toClient, to: client)
        toServer.opposite = toClient
        toClient.opposite = toServer
        try client.pipeline.syncOperations.addHandler(toServer)
        try server.pipeline.syncOperations.addHandler(toClient)
        for channel in [client, server] { channel.setOption(.autoRead, value: true).whenComplete { _ in } }
    }

    private func pump(_ direction: TCPProxy.Direction, to destination: any Channel) -> TCPProxyPump {
        let pump = TCPProxyPump(direction, to: destination, mode: self.modes[direction] ?? .pass, tally: self.tally)
        pump.rewriter = self.rewriting[direction]?()
        self.pumps[ObjectIdentifier(pump)] = pump
        pump.onRemoval = { [weak self] in self?.pumps[$0] = nil }
        return pump
    }
}

@available(*, unavailable)
extension TCPProxyCore: Sendable {}
