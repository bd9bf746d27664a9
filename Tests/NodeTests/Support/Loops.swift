import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import VolaryProtocol

@testable import VolaryNode

/// The connections of one node on several real event loops, with one client each, without HTTP and broker.
final class Loops: Sendable {
    static let node = NodeID(rawValue: 0x0A0B_0C0D)

    let manager: ConnectionManager
    private let group: MultiThreadedEventLoopGroup
    private let server: any Channel
    private let ids: NIOLockedValueBox<[Int: ConnectionID]>
    private let clients = NIOLockedValueBox<[ConnectionID: TestClient]>([:])

    private init(count: Int, pingInterval: TimeAmount, maximumUnsentBytes: Int, node: NodeID, finishes: Bool) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: count)
        let manager = ConnectionManager(node: node, eventLoops: Array(group.makeIterator()), pingInterval: pingInterval)
        let ids = NIOLockedValueBox<[Int: ConnectionID]>([:])
        self.server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton, childGroup: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Self.transport(
                            channel,
                            manager: manager,
                            ids: ids,
                            pingInterval: pingInterval,
                            maximumUnsentBytes: maximumUnsentBytes,
                            finishes: finishes
                        )
                    )
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.group = group
        self.manager = manager
        self.ids = ids
    }

    /// - Parameter finishes: whether each message of a client is completed as soon as it is received. If not, no message is
    ///   ever completed.
    static func with(
        _ count: Int,
        pingInterval: TimeAmount = .minutes(10),
        maximumUnsentBytes: Int = 1 << 20,
        node: NodeID = Loops.node,
        finishes: Bool = true,
        _ body: (Loops) async throws -> Void
    ) async throws {
        let loops = try await Loops(
            count: count,
            pingInterval: pingInterval,
            maximumUnsentBytes: maximumUnsentBytes,
            node: node,
            finishes: finishes
        )
        let result: Result<Void, any Error>
        do { result = .success(try await body(loops)) } catch { result = .failure(error) }
        for client in loops.clients.withLockedValue({ $0.values }) { await client.close() }
        try await loops.server.close()
        try await loops.group.shutdownGracefully()
        try result.get()
    }

    private static func transport(
        _ channel: any Channel,
        manager: ConnectionManager,
        ids: NIOLockedValueBox<[Int: ConnectionID]>,
        pingInterval: TimeAmount,
        maximumUnsentBytes: Int,
        finishes: Bool
    ) -> WebSocketTransport {
        let application = ClosureApplication(
            connected: { connection in
                connection.state.listing = .listed(holdsTopics: false)
                guard let port = channel.remoteAddress?.port else { return }
                ids.withLockedValue { $0[port] = connection.id }
            },
            received: { _, _, done in if finishes { done() } }
        )
        return WebSocketTransport(
            settings: WebSocketSettings(messageLimits: MessageLimits(), closeTimeout: .seconds(5), now: { 0 }),
            admitted: WebSocketAdmission.AdmittedClient(
                client: WebSocketHandshake.Client(endpoint: Endpoint.plain.with(application))
            ),
            host: ConnectionHost(
                connections: manager,
                settings: ConnectionSettings(
                    maximumUnsentBytes: maximumUnsentBytes,
                    pingInterval: pingInterval,
                    now: { 0 }
                ),
                observer: ClosureObserver()
            )
        )
    }

    /// Connects clients one after the other, and distributes them over all loops.
    func connect(_ count: Int, answersClose: Bool = true) async throws -> [ConnectionID] {
        var connected: [ConnectionID] = []
        for _ in 0..<count {
            let client = try await TestClient.connect(
                port: self.server.localAddress?.port ?? 0,
                isWebSocket: true,
                answersClose: answersClose
            )
            let port = client.localPort ?? 0
            guard await eventually({ self.ids.withLockedValue { $0[port] } != nil }),
                let id = self.ids.withLockedValue({ $0[port] })
            else { throw TestClient.Failure(text: "not accepted") }
            self.clients.withLockedValue { $0[id] = client }
            connected.append(id)
        }
        return connected
    }

    /// Closes a client that has sent more messages than may be unfinished. Returns once its node has noticed.
    func leaveMessages(_ id: ConnectionID) async throws {
        self.client(of: id)?.write((0..<1000).flatMap { ClientFrame.text("\($0)") })
        await self.client(of: id)?.close()
        guard await eventually({ await self.manager.onShard(of: id) { $1.hasLeftovers } == true }) else {
            throw TestClient.Failure(text: "nothing is left of it")
        }
    }

    func client(of id: ConnectionID) -> TestClient? { self.clients.withLockedValue { $0[id] } }

    /// The frames that a client has received, once there is this number of them.
    func frames(of id: ConnectionID, atLeast count: Int = 1) async -> [ServerFrame] {
        guard let client = self.client(of: id) else { return [] }
        _ = await eventually { client.frames.count >= count }
        return client.frames
    }
}
