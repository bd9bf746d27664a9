import Dispatch
import NIOCore
import NIOPosix
import VolaryProtocol

@testable import VolaryNode

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Connections over real sockets, so that deliveries are written directly to the kernel. Socket pairs take the place of TCP: the
/// node executes the same code for both.
///
/// One thread does everything, the reading of the peers included, so that each run is the same.
final class SocketNode: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let peers: [CInt]
    private let shard: ConnectionShard

    init(connections count: Int) {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let connections = ConnectionManager(node: Samples.node, eventLoops: [group.next()], pingInterval: .hours(1))
        self.group = group
        self.shard = connections.shards[0]
        let host = MemoryNode.host(connections)
        self.peers = (0..<count).map { _ in Self.connect(group) { MemoryNode.transport(host) } }
    }

    deinit {
        try? self.group.syncShutdownGracefully()
        for peer in self.peers { close(peer) }
    }

    /// Delivers the publication to all connections, as often as said. Returns once the peers have received everything.
    func deliver(_ publication: Publication, rounds: Int) {
        let done = DispatchSemaphore(value: 0)
        let run = Run(publication, shard: self.shard, peers: self.peers) { done.signal() }
        self.shard.eventLoop.execute { run.next(rounds) }
        done.wait()
    }

    /// Reads what the peers have received.
    static func empty(_ peers: [CInt]) {
        withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 1) { space in
            for peer in peers {
                precondition(recv(peer, space.baseAddress, space.count, CInt(MSG_DONTWAIT)) > 0, "nothing was delivered")
            }
        }
    }

    /// - Returns: the descriptor of the client's end.
    static func connect(
        _ group: MultiThreadedEventLoopGroup,
        _ makeTransport: @escaping @Sendable () -> WebSocketTransport
    ) -> CInt {
        var ends: [CInt] = [-1, -1]
        #if canImport(Glibc)
        let type = CInt(SOCK_STREAM.rawValue)
        #else
        let type = SOCK_STREAM
        #endif
        precondition(socketpair(AF_UNIX, type, 0, &ends) == 0, "no socket pair: errno \(errno)")
        let bootstrap = ClientBootstrap(group: group).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let transport = makeTransport()
                try channel.pipeline.syncOperations.addHandler(transport)
                precondition(transport.isDirect, "the case measures direct writes")
            }
        }
        do {
            _ = try bootstrap.withConnectedSocket(ends[0]).wait()
        } catch {
            preconditionFailure("no connection: \(error)")
        }
        return ends[1]
    }
}

/// One run of deliveries, on the event loop.
private final class Run: Sendable {
    private let publication: Publication
    private let shard: ConnectionShard
    private let peers: [CInt]
    private let done: @Sendable () -> Void

    init(_ publication: Publication, shard: ConnectionShard, peers: [CInt], done: @escaping @Sendable () -> Void) {
        self.publication = publication
        self.shard = shard
        self.peers = peers
        self.done = done
    }

    /// Begins the next round when this one is finished.
    func next(_ rounds: Int) {
        guard rounds > 0 else { return self.done() }
        let size = self.publication.messageBytes
        let target = HubAudience(hub: .default, audience: .all)
        let fanOut = FanOut(EncodedBatch([PlacedPublication(self.publication)]), to: target, bytes: size) { reached in
            let count = Int(reached.connections)
            precondition(count == self.peers.count, "\(count) of \(self.peers.count) connections were reached")
            self.empty()
            self.shard.eventLoop.execute { self.next(rounds - 1) }
        }
        precondition(self.shard.submit(fanOut, bytes: size), "the queue of the event loop is full")
    }

    private func empty() { SocketNode.empty(self.peers) }
}
