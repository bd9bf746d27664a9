import Dispatch
import NIOCore
import NIOPosix
import VolaryProtocol

@testable import VolaryBackplane
@testable import VolaryNode

/// Deliveries to clients with resumable connections.
enum ReliableCases {
    private static let connections = 50

    /// The way from the hub's link to the kernel, as `fan-out-socket` measures it for plain clients. Acknowledgments are counted too.
    static var all: [Case] {
        [
            Case("fan-out-reliable", "delivery", count: self.connections) {
                let node = ReliableNode(connections: self.connections)
                return { rounds in node.deliver(rounds: rounds) }
            }
        ]
    }
}

/// Sessions of one hub, with connections over sockets as in ``SocketNode``.
private final class ReliableNode: @unchecked Sendable {
    // Unchecked: `follower` and `number` are used by one thread at a time.

    /// A client may leave 1,000 publications unacknowledged.
    private static let roundsPerAcknowledgment: UInt64 = 100
    private static let epoch: UInt64 = 1

    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let peers: [CInt]
    private let fanOut: SessionFanOut
    private let ids: [ConnectionID]
    private var follower = HubFollower(node: Samples.node)
    private var number: UInt64 = 1

    init(connections count: Int) {
        let connections = ConnectionManager(node: Samples.node, eventLoops: [self.group.next()], pingInterval: .hours(1))
        let host = MemoryNode.host(connections)
        let shard = connections.shards[0]
        let fanOut = SessionFanOut(shards: [shard], metrics: NodeMetrics(), traces: nil) { _, _ in }
        let sessions = HubSessions(
            hub: .default,
            node: Samples.node,
            service: SessionService(MemorySessionStore()),
            loop: self.group.next(),
            host: fanOut,
            isLive: { _ in true },
            graceMilliseconds: 1000,
            now: { 0 }
        )
        let endpoint = Endpoint.plain(Opening(), precision: .seconds)
        let spoken = SpokenProtocol(JSONPubSubProtocol(isReliable: true))
        let clients = (0..<count).map { _ in ResumableClient(.random(on: Samples.node), on: shard) }
        self.fanOut = fanOut
        self.ids = clients.map(\.id)
        self.peers = clients.map { [group] client in
            let handshake = WebSocketHandshake.Client(endpoint: endpoint, hub: .default, spoken: spoken)
            let ticket = SessionTicket(client, SessionHandle(client.id, client: client), of: sessions, connectedAt: 0)
            let admitted = WebSocketAdmission.AdmittedClient(client: handshake, session: ticket)
            return SocketNode.connect(group) { MemoryNode.transport(host, admitted) }
        }
        self.attach(clients)
    }

    private func attach(_ clients: [ResumableClient]) {
        let fence = Fence(Position(epoch: Self.epoch, number: self.number))
        var output = SessionOutput()
        self.follower.observed(fence.position, nil, into: &output)
        for client in clients { self.follower.attach(client.id, client: client, user: nil, groups: [], into: &output) }
        self.follower.received(.subscribed([.all]), now: 0, into: &output)
        for client in clients { self.follower.attached(client.id, fence, groups: [], now: 0, into: &output) }
    }

    deinit { try? self.group.syncShutdownGracefully() }

    /// Returns once the peers have received everything.
    func deliver(rounds: Int) {
        let done = DispatchSemaphore(value: 0)
        let publication = HubPublication(Samples.publication())
        self.group.next().execute { self.next(rounds, publication) { done.signal() } }
        done.wait()
    }

    private func next(_ rounds: Int, _ publication: HubPublication, done: @escaping @Sendable () -> Void) {
        guard rounds > 0 else { return done() }
        let entry = LogEntry(
            number: self.number + 1,
            previous: self.number,
            topic: .all,
            time: 0,
            content: .publication(publication)
        )
        self.number += 1
        var output = SessionOutput()
        self.follower.received(.entry(entry, epoch: Self.epoch), now: 0, into: &output)
        let deliveries = output.actions.compactMap { action in
            if case .deliver(let publication, let receivers) = action {
                SessionDelivery(publication: publication, receivers: receivers)
            } else {
                SessionDelivery?.none
            }
        }
        self.fanOut.deliver(deliveries)
        if self.number % Self.roundsPerAcknowledgment == 0 {
            for id in self.ids { self.follower.acknowledged(id, through: self.number - 1, into: &output) }
        }
        self.group.next().execute {
            SocketNode.empty(self.peers)
            self.next(rounds - 1, publication, done: done)
        }
    }
}

/// Passes connections on to their sessions.
private final class Opening: Application {
    func connected(_ connection: Connection, _ request: ConnectRequest) {
        guard let ticket = request.session else { return }
        ticket.take()
        ticket.client.opened(connection, ticket)
    }

    func received(_ action: ClientAction, from connection: Connection, done: ActionCompletion) { done(.success(())) }
    func disconnected(_ connection: Connection) {}
}
