import HTTPTypes
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOEmbedded
import NIOPosix
import ServiceLifecycle
import TestSupport
import VolaryProtocol

@testable import VolaryNode

/// A node's listener with the routes of a test, without the other parts of a node.
struct TestListener: Sendable {
    struct Failure: Error {}

    let port: Int
    private let group: ServiceGroup

    /// Runs `body` while the listener serves, then stops the listener.
    /// - Parameter drainTime: time for answers after the start of the shutdown.
    static func with(
        _ routes: RouteTable,
        settings: HTTPSettings = EmbeddedServer.settings,
        drainTime: Duration = .seconds(30),
        _ body: (TestListener) async throws -> Void
    ) async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let port = NIOLockedValueBox<Int?>(nil)
        let listener = HTTPListener(
            host: "127.0.0.1",
            port: 0,
            group: loops,
            server: Self.server(settings),
            routes: routes,
            logger: .quiet,
            timeIsUp: {
                try? await gracefulShutdown()
                try? await Task.sleep(for: drainTime)
            },
            onListening: { channel in port.withLockedValue { $0 = channel.localAddress?.port } }
        )
        let group = ServiceGroup(services: [listener], logger: .quiet)
        let result: Result<Void, any Error> = await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try? await group.run() }
            defer { tasks.addTask { await group.triggerGracefulShutdown() } }
            guard await eventually({ port.withLockedValue { $0 } != nil }), let port = port.withLockedValue({ $0 }) else {
                return .failure(Failure())
            }
            do {
                return .success(try await body(TestListener(port: port, group: group)))
            } catch {
                return .failure(error)
            }
        }
        try await loops.shutdownGracefully()
        try result.get()
    }

    static func server(_ settings: HTTPSettings) -> ServerChannel {
        let activity = RecordedActivity().log
        return ServerChannel(
            settings: settings,
            tls: nil,
            tlsFailed: { _ in },
            admission: Admission(maximumConnections: 1000),
            activity: activity,
            // Without an endpoint every handshake is refused, so no transport is created.
            webSockets: WebSocketUpgrade(
                endpoints: [],
                acceptsUserQuery: false,
                compresses: false,
                admission: WebSocketAdmission(
                    access: WebSocketAuthenticator(origins: nil, tokens: nil, acceptsAnonymous: false),
                    pubSub: .closed
                ) { TopicReservation($0, isHeld: false) { _ in } },
                phase: LifecyclePhase(),
                activity: activity,
                makeTransport: { admitted, _ in EmbeddedServer.webSocketTransport(admitted, on: EmbeddedEventLoop()) }
            ),
            http2: HTTP2Connections(),
            turns: { TurnQueue(eventLoop: $0) }
        )
    }

    func connect() async throws -> RawTestClient { try await RawTestClient.connect(port: self.port) }

    /// Begins the graceful shutdown.
    func stop() async { await self.group.triggerGracefulShutdown() }
}
