import Atomics
public import NIOCore
public import VolaryBackplane
public import VolaryProtocol

/// All connections of one node: one ``ConnectionShard`` per event loop.
///
/// May be used from any thread. What concerns a connection happens on its loop, so each answer is one moment of each shard, and
/// not one moment of all.
public final class ConnectionManager: Sendable {
    /// The node whose connections these are.
    public let node: NodeID
    let shards: [ConnectionShard]
    private let audienceShards: AudienceShards
    private let members = ManagedAtomic<Int>(0)
    private let everything = ManagedAtomic<Int>(0)

    /// - Parameters:
    ///   - eventLoops: at most 256.
    ///   - pingInterval: of the connections, or the shortest other time that they are held to; they are looked after four times
    /// in it.
    public convenience init(node: NodeID, eventLoops: [any EventLoop], pingInterval: TimeAmount) {
        self.init(node: node, eventLoops: eventLoops, pingInterval: pingInterval, sockets: nil)
    }

    /// As the public one.
    /// - Parameter sockets: counts clients that are gone, see ``LeftoverBudget``.
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

    /// Members of the cluster, those in their closing handshake included.
    public var count: Int { self.members.load(ordering: .relaxed) }

    /// Connections on every endpoint.
    public var total: Int { self.everything.load(ordering: .relaxed) }

    /// The ids of all members of the cluster, in no order.
    public var ids: [ConnectionID] {
        get async { await self.onEachShard { $0.memberIDs }.flatMap(\.self) }
    }

    /// What the presence store should have of this node.
    public var records: [ConnectionRecord] {
        get async { await self.onEachShard { $0.records }.flatMap(\.self) }
    }

    /// What ``records`` has of one connection; nil when this node does not hold it, or is closing it.
    public func record(_ id: ConnectionID) async -> ConnectionRecord? {
        await self.onShard(of: id) { shard, connection in
            connection.isOpen && connection.isListed ? shard.record(of: connection) : nil
        } ?? nil
    }

    /// Runs `body` on the event loop of a connection.
    /// - Returns: nil when this node does not hold it.
    func onShard<Result: Sendable>(
        of id: ConnectionID,
        _ body: @escaping @Sendable (ConnectionShard, Connection) -> Result
    ) async -> Result? {
        guard let shard = self.shard(of: id) else { return nil }
        // Fails only on an event loop that has ended, and all connections with it.
        return try? await shard.eventLoop.submit { shard.connection(id).map { body(shard, $0) } }.get()
    }

    /// Those that have members of the audience. A connection that has been told that it is one is counted.
    func shards(of audience: Audience) -> [ConnectionShard] {
        switch audience {
        case .all: self.shards
        case .connection(let id): self.shard(of: id).map { [$0] } ?? []
        case .group, .user: self.audienceShards.shards(of: audience).map { self.shards[$0] }
        }
    }

    /// Where the connection is, if this node holds it.
    func shard(of id: ConnectionID) -> ConnectionShard? {
        id.node == self.node && Int(id.shard) < self.shards.count ? self.shards[Int(id.shard)] : nil
    }

    /// Sends encoded frames to one connection.
    /// - Returns: false when it is not here or not open.
    public func send(_ frames: ByteBuffer, to id: ConnectionID) async -> Bool {
        await self.onShard(of: id) { $1.send(frames) } ?? false
    }

    /// Begins the closing handshake with one connection.
    /// - Returns: false when it is not here.
    public func close(_ id: ConnectionID, code: CloseCode, reason: String) async -> Bool {
        await self.onShard(of: id) { $1.close(code: code, reason: reason) } != nil
    }

    /// Begins the closing handshake with at most `count` connections, of every endpoint, that are still open.
    /// - Returns: with how many.
    public func closeSome(_ count: Int, code: CloseCode, reason: String) async -> Int {
        let share = (count + self.shards.count - 1) / self.shards.count
        return await self.onEachShard { shard in
            // An array: a connection that is closed may leave the table.
            let some = Array(shard.all.lazy.filter(\.isOpen).prefix(share))
            for connection in some { connection.close(code: code, reason: reason) }
            return some.count
        }.reduce(0, +)
    }

    /// Ends every connection without a closing handshake. Their sockets are closed as this returns.
    public func cutAll() async {
        _ = await self.onEachShard { shard in for connection in Array(shard.all) { connection.close(.cut) } }
    }

    /// Drops what clients that are gone have left to be handled, and ends their connections.
    func dropLeftovers() async {
        _ = await self.onEachShard { shard in
            for connection in Array(shard.all) where connection.hasLeftovers { connection.close(.cut) }
        }
    }

    // MARK: - Called on the connection's event loop

    /// An id for a new connection of this shard.
    func makeID(on shard: ConnectionShard) -> ConnectionID {
        .random(on: self.node, shard: UInt8(truncatingIfNeeded: shard.number))
    }

    /// Makes a connection known. Before this returns, no frame of its client has been read.
    func add(_ connection: Connection) {
        connection.shard.add(connection)
        self.everything.wrappingIncrement(ordering: .relaxed)
        if connection.endpoint.joinsCluster { self.members.wrappingIncrement(ordering: .relaxed) }
    }

    /// - Returns: the connection that was there; nil for an unknown id.
    @discardableResult
    func remove(_ id: ConnectionID, on shard: ConnectionShard) -> Connection? {
        guard let connection = shard.remove(id) else { return nil }
        self.everything.wrappingDecrement(ordering: .relaxed)
        if connection.endpoint.joinsCluster { self.members.wrappingDecrement(ordering: .relaxed) }
        return connection
    }

    func shard(of eventLoop: any EventLoop) -> ConnectionShard {
        // A node has as many loops as cores: a walk is shorter than a hash.
        guard let shard = self.shards.first(where: { $0.eventLoop === eventLoop }) else {
            preconditionFailure("a channel runs on one of the loops that the manager was made with")
        }
        return shard
    }

    // MARK: -

    private func onEachShard<Result: Sendable>(
        _ body: @escaping @Sendable (ConnectionShard) -> Result
    ) async -> [Result] {
        var results: [Result] = []
        for future in self.shards.map({ shard in shard.eventLoop.submit { body(shard) } }) {
            // `submit` fails only where `body` throws, and it does not.
            if let result = try? await future.get() { results.append(result) }
        }
        return results
    }
}
