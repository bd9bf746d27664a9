import Atomics
import NIOConcurrencyHelpers
public import NIOCore
public import VolaryBackplane
public import VolaryProtocol

/// All connections of one node, in one ``ConnectionShard`` per event loop.
///
/// May be used from any thread. Work on a connection happens on its loop. Results over all shards are therefore not a snapshot
/// of a single point in time.
public final class ConnectionManager: Sendable {
    /// The node that holds these connections.
    public let node: NodeID
    let shards: [ConnectionShard]
    private let audienceShards: AudienceShards
    private let members = ManagedAtomic<Int>(0)
    private let everything = ManagedAtomic<Int>(0)
    private let withSessions = ManagedAtomic<Int>(0)
    private let hubs = HubCounts()
    /// The shards of the connections whose ids name no node.
    private let roaming = NIOLockedValueBox<[ConnectionID: ConnectionShard]>([:])

    /// - Parameters:
    ///   - eventLoops: at most 256.
    ///   - pingInterval: ping interval of the connections, or their shortest timeout. Connections are checked four times per
    ///     interval.
    public convenience init(node: NodeID, eventLoops: [any EventLoop], pingInterval: TimeAmount) {
        self.init(node: node, eventLoops: eventLoops, pingInterval: pingInterval, sockets: nil)
    }

    /// See the public initializer.
    /// - Parameter sockets: counts clients that have disconnected, see ``LeftoverBudget``.
    init(node: NodeID, eventLoops: [any EventLoop], pingInterval: TimeAmount, sockets: Admission?) {
        precondition(eventLoops.count <= 256, "an id has 8 bits for the event loop")
        self.node = node
        let audienceShards = AudienceShards()
        self.audienceShards = audienceShards
        self.shards = eventLoops.enumerated().map { index, eventLoop in
            ConnectionShard(eventLoop: eventLoop, number: index, audienceShards: audienceShards, sockets: sockets)
        }
        for shard in self.shards { shard.startKeepAlive(every: .nanoseconds(pingInterval.nanoseconds / 4)) }
    }

    /// Members of the cluster in all hubs, including those in their closing handshake.
    public var count: Int { self.members.load(ordering: .relaxed) }

    /// Members of the cluster by hub, as ``count``. No hub without any.
    var countsByHub: [HubName: Int] { self.hubs.counts }

    /// Members of the cluster in one hub, as ``count``.
    func count(in hub: HubName) -> Int { self.hubs.count(of: hub) }

    /// Connections of all endpoints.
    public var total: Int { self.everything.load(ordering: .relaxed) }

    /// Connections that their clients may resume.
    var resumable: Int { self.withSessions.load(ordering: .relaxed) }

    /// Groups and users with connections of this node, without those of connections that may be resumed.
    var audiences: AudienceCounts { self.audienceShards.counts }

    /// The bytes of all connections.
    var traffic: (received: Int, sent: Int, unsent: Int) {
        self.shards.reduce((0, 0, 0)) { sum, shard in
            (sum.0 + shard.traffic.received, sum.1 + shard.traffic.sent, sum.2 + shard.traffic.unsent)
        }
    }

    /// The ids of all members of the cluster, in no order.
    public var ids: [ConnectionID] {
        get async { await self.onEachShard { $0.memberIDs }.flatMap(\.self) }
    }

    /// The records of this node that belong into the presence store.
    public var records: [ConnectionRecord] {
        get async { await self.onEachShard { $0.records }.flatMap(\.self) }
    }

    /// Whether this node holds a connection with a session in the hub.
    func hasSessions(in hub: HubName) async -> Bool {
        await self.onEachShard { $0.hasSessions(in: hub) }.contains(true)
    }

    /// The record of one connection; nil when this node does not hold it in the hub, or does not list it.
    public func record(_ id: ConnectionID, in hub: HubName) async -> ConnectionRecord? {
        await self.onShard(of: id, in: hub) { shard, connection in
            connection.isOpen && connection.isListed ? shard.record(of: connection) : nil
        } ?? nil
    }

    /// Runs `body` on the event loop of a connection.
    /// - Returns: nil when this node does not hold the connection, or holds it in another hub.
    func onShard<Result: Sendable>(
        of id: ConnectionID,
        in hub: HubName,
        _ body: @escaping @Sendable (ConnectionShard, Connection) -> Result
    ) async -> Result? {
        guard let shard = self.shard(of: id) else { return nil }
        // Fails only on an event loop that has shut down, together with all of its connections.
        return try? await shard.eventLoop.submit { shard.connection(id, in: hub).map { body(shard, $0) } }.get()
    }

    /// Runs `body` on each event loop with members of the audience, behind the publications that have come before.
    func onShards<Result: Sendable>(
        of audience: HubAudience,
        _ body: @escaping @Sendable (ConnectionShard) -> Result
    ) async -> [Result] {
        await Self.results(of: self.shards(of: audience).map { $0.inOrder(body) })
    }

    /// The shards with members of the audience. A member that has been confirmed to anyone is included.
    func shards(of audience: HubAudience) -> [ConnectionShard] {
        switch audience.audience {
        case .all where audience.hub.isDefault: self.shards
        case .connection(let id): self.shard(of: id).map { [$0] } ?? []
        case .all, .group, .user: self.audienceShards.shards(of: audience).map { self.shards[$0] }
        }
    }

    /// The shard of a connection; nil when this node does not hold it.
    func shard(of id: ConnectionID) -> ConnectionShard? {
        if id.isRoaming { return self.roaming.withLockedValue { $0[id] } }
        return id.node == self.node && Int(id.shard) < self.shards.count ? self.shards[Int(id.shard)] : nil
    }

    /// Sends encoded frames to one connection.
    /// - Returns: false when this node does not hold the connection, or it is not open.
    public func send(_ frames: ByteBuffer, to id: ConnectionID, in hub: HubName) async -> Bool {
        await self.onShard(of: id, in: hub) { $1.send(frames) } ?? false
    }

    /// Begins the closing handshake of one connection.
    /// - Returns: false when this node does not hold the connection.
    public func close(_ id: ConnectionID, in hub: HubName, code: CloseCode, reason: String) async -> Bool {
        await self.onShard(of: id, in: hub) { $1.close(code: code, reason: reason) } != nil
    }

    /// Begins the closing handshake of open connections of all endpoints.
    /// - Parameter count: maximum, rounded up to a multiple of the number of event loops.
    /// The clients get the publications that have come before.
    /// - Returns: the number of connections that were closed.
    public func closeSome(_ count: Int, code: CloseCode, reason: String) async -> Int {
        let share = (count + self.shards.count - 1) / self.shards.count
        return await Self.results(
            of: self.shards.map { shard in
                shard.inOrder { shard in
                    let some = Array(shard.all.lazy.filter(\.isOpen).prefix(share))
                    for connection in some { connection.close(code: code, reason: reason) }
                    return some.count
                }
            }
        ).reduce(0, +)
    }

    /// Ends every connection without a closing handshake. Their sockets are closed when this returns.
    public func cutAll() async {
        _ = await self.onEachShard { shard in for connection in shard.all { connection.close(.cut) } }
    }

    /// Drops the unhandled messages of clients that have disconnected, and ends their connections.
    func dropLeftovers() async {
        _ = await self.onEachShard { shard in
            for connection in shard.all where connection.hasLeftovers { connection.close(.cut) }
        }
    }

    // MARK: - Called on the connection's event loop

    /// - Returns: the id, unless it is roaming and a connection of this node has it: then a new one.
    func claim(_ id: ConnectionID, on shard: ConnectionShard) -> ConnectionID {
        guard id.isRoaming else { return id }
        let isFree = self.roaming.withLockedValue { roaming in
            guard roaming[id] == nil else { return false }
            roaming[id] = shard
            return true
        }
        return isFree ? id : self.makeID(on: shard)
    }

    /// A new connection id on this shard.
    func makeID(on shard: ConnectionShard) -> ConnectionID {
        .random(on: self.node, shard: UInt8(truncatingIfNeeded: shard.number))
    }

    /// Adds a connection. Call before any frame of the client is read.
    func add(_ connection: Connection) {
        connection.shard.add(connection)
        if connection.isResumable { self.withSessions.wrappingIncrement(ordering: .relaxed) }
        self.everything.wrappingIncrement(ordering: .relaxed)
        guard connection.endpoint.joinsCluster else { return }
        self.members.wrappingIncrement(ordering: .relaxed)
        self.hubs.add(connection.hub)
    }

    /// - Returns: the connection that was removed; nil for an unknown id.
    @discardableResult
    func remove(_ id: ConnectionID, on shard: ConnectionShard) -> Connection? {
        guard let connection = shard.remove(id) else { return nil }
        if id.isRoaming { self.roaming.withLockedValue { $0[id] = nil } }
        self.everything.wrappingDecrement(ordering: .relaxed)
        if connection.endpoint.joinsCluster {
            self.members.wrappingDecrement(ordering: .relaxed)
            self.hubs.remove(connection.hub)
        }
        return connection
    }

    func remove(_ connection: Connection) {
        guard connection.isResumable else {
            _ = self.remove(connection.id, on: connection.shard)
            return
        }
        connection.shard.removeResumable(connection)
        self.withSessions.wrappingDecrement(ordering: .relaxed)
        self.everything.wrappingDecrement(ordering: .relaxed)
        self.members.wrappingDecrement(ordering: .relaxed)
        self.hubs.remove(connection.hub)
    }

    func shard(of eventLoop: any EventLoop) -> ConnectionShard {
        // A node has about as many loops as cores, so a linear search is faster than hashing.
        guard let shard = self.shards.first(where: { $0.eventLoop === eventLoop }) else {
            preconditionFailure("a channel runs on one of the loops that the manager was made with")
        }
        return shard
    }

    // MARK: -

    private func onEachShard<Result: Sendable>(
        _ body: @escaping @Sendable (ConnectionShard) -> Result
    ) async -> [Result] {
        await Self.results(of: self.shards.map { shard in shard.eventLoop.submit { body(shard) } })
    }

    /// - Parameter futures: fail only on an event loop that has shut down.
    private static func results<Result: Sendable>(of futures: [EventLoopFuture<Result>]) async -> [Result] {
        var results: [Result] = []
        for future in futures {
            if let result = try? await future.get() { results.append(result) }
        }
        return results
    }
}
