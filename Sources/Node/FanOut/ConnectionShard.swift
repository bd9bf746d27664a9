import NIOConcurrencyHelpers
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// The connections of one event loop, and a queue of work from other threads.
///
/// All work runs on the loop without locks. Only ``submit(bytes:_:)`` may be called from other threads. Queued work is done
/// together, so a burst of publications costs one hop to the loop. It is done in order and in turns, so that many or large
/// publications do not delay other clients, see ``TurnQueue``.
final class ConnectionShard: @unchecked Sendable {
    // Unchecked: `pace`, `taken`, `connections`, `resumable`, `hubs`, `turns`, `deflater` and `scratch` are used on `eventLoop` only
    // (asserted); a lock protects the queue; all else is constant.

    /// Maximum of queued bytes per loop, including ``overheadBytes`` for each publication: 64 MiB. Above it publications are
    /// lost, counted, and their clients notified, so that one slow loop does not exhaust the memory of the node. An empty queue
    /// accepts one publication of any size.
    static let queueBytes = 64 * 1024 * 1024
    static let overheadBytes = 256
    /// Maximum of queued requests, in addition to publications: 65,536.
    static let queueRequests = 65_536

    let eventLoop: any EventLoop
    /// The queue of connections that have more work than fits into one turn.
    let turns: TurnQueue
    /// Index of the shard within its node. Connection ids contain it.
    let number: Int
    let traffic = LoopTraffic()
    let queue = NIOLockedValueBox(ShardQueue())
    var pace = FanOutCoalescing()
    /// nil while no work waits for a further turn.
    var taken: ShardQueue.Taken?
    private var connections: [ConnectionID: Connection] = [:]
    /// Connections with a session: those of other nodes, too, and perhaps two of one id. They are in no audience.
    private var resumable: [ObjectIdentifier: Connection] = [:]
    /// Hubs that have connections on this shard.
    private(set) var hubs: [HubName: AudienceIndex] = [:]
    private let audienceShards: AudienceShards
    /// Created with the first compressed message of this shard.
    private(set) lazy var deflater = Deflater()
    /// Buffer in which shared bytes and the tails of one connection are combined. nil during use, and before the first use.
    var scratch: ByteBuffer?

    /// - Parameters:
    ///   - audienceShards: tells other threads which shards have members of an audience.
    ///   - sockets: counts clients that have disconnected, see ``LeftoverBudget``.
    init(
        eventLoop: any EventLoop,
        number: Int = 0,
        audienceShards: AudienceShards = AudienceShards(),
        sockets: Admission? = nil
    ) {
        self.eventLoop = eventLoop
        self.turns = TurnQueue(eventLoop: eventLoop, leftovers: LeftoverBudget(sockets: sockets))
        self.number = number
        self.audienceShards = audienceShards
    }

    /// - Parameter lossNotice: creates the notice for an audience that lost the given number of publications; nil for an
    ///   unknown number.
    func tellLosses(with lossNotice: @escaping @Sendable (HubAudience, Int?) -> Publication) {
        self.queue.withLockedValue { $0.lossNotice = lossNotice }
    }

    /// Queues publications for delivery on the loop.
    /// - Parameters:
    ///   - publications: number of publications. If the queue is full they are lost, and their audience on this loop is
    ///     notified once the queued work is done.
    ///   - bytes: approximate size of the publications.
    ///   - writtenWithin: nil to finish at once; otherwise the maximum time to wait until the bytes are handed to the kernel.
    /// - Returns: false when the queue is full; nothing is queued in that case.
    func submit(_ fanOut: FanOut, publications: Int = 1, bytes: Int, writtenWithin: TimeAmount? = nil) -> Bool {
        let work = writtenWithin.map { ShardQueue.Work.written(fanOut, $0) } ?? .fanOut(fanOut)
        return self.submit { queue in
            let bytes = bytes + Self.overheadBytes
            guard queue.bytes + queue.takenBytes == 0 || queue.bytes + queue.takenBytes + bytes <= Self.queueBytes else {
                queue.lost.add(publications, of: fanOut.audience)
                return nil
            }
            queue.bytes += bytes
            return work
        }
    }

    /// Queues a request. Requests are accepted even while the queue is full of publications.
    /// - Returns: false when ``queueRequests`` are queued already; nothing is queued in that case.
    func submit(_ request: @escaping @Sendable (ConnectionShard) -> Void) -> Bool {
        self.submit { queue in
            guard queue.requests < Self.queueRequests else { return nil }
            queue.requests += 1
            return .request(request)
        }
    }

    /// Runs `body` behind the queued publications; at once when ``queueRequests`` are queued already.
    func inOrder<Result: Sendable>(_ body: @escaping @Sendable (ConnectionShard) -> Result) -> EventLoopFuture<Result> {
        let promise = self.eventLoop.makePromise(of: Result.self)
        if !self.submit({ promise.succeed(body($0)) }) {
            self.eventLoop.execute { promise.succeed(body(self)) }
        }
        return promise.futureResult
    }

    private func submit(_ admit: (inout ShardQueue) -> ShardQueue.Work?) -> Bool {
        let (accepted, wake) = self.queue.withLockedValue { queue in
            guard let work = admit(&queue) else { return (false, false) }
            queue.work.append(work)
            return (true, queue.work.count == 1)
        }
        if wake {
            self.eventLoop.execute { self.drain() }
        }
        return accepted
    }

    /// Starts the periodic check of the connections' timeouts and pings: one timer per loop, for the loop's lifetime.
    func startKeepAlive(every interval: TimeAmount) {
        self.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            let now = self.eventLoop.now
            self.traffic.waits(self.all.reduce(0) { $0 + $1.keepAlive(now: now) })
        }
    }

    // MARK: - On the event loop

    func add(_ connection: Connection) {
        self.eventLoop.preconditionInEventLoop()
        guard !connection.isResumable else {
            self.resumable[ObjectIdentifier(connection)] = connection
            return
        }
        self.connections[connection.id] = connection
        guard connection.endpoint.joinsCluster else { return }
        let hub = connection.hub
        self.hubs[hub, default: AudienceIndex(of: hub, shard: self.number, audienceShards: self.audienceShards)].add(connection)
    }

    /// - Returns: the connection that was removed.
    func remove(_ id: ConnectionID) -> Connection? {
        self.eventLoop.preconditionInEventLoop()
        guard let connection = self.connections.removeValue(forKey: id) else { return nil }
        if connection.endpoint.joinsCluster {
            self.hubs[connection.hub]?.remove(connection)
            if self.hubs[connection.hub]?.members.isEmpty == true { self.hubs[connection.hub] = nil }
        }
        return connection
    }

    func removeResumable(_ connection: Connection) { self.resumable[ObjectIdentifier(connection)] = nil }

    /// Nil for a connection with a session: it is reached through the session store.
    func connection(_ id: ConnectionID) -> Connection? {
        self.eventLoop.preconditionInEventLoop()
        return self.connections[id]
    }

    /// Nil for a connection of another hub, too.
    func connection(_ id: ConnectionID, in hub: HubName) -> Connection? {
        self.connection(id).flatMap { $0.hub == hub ? $0 : nil }
    }

    /// Nil for a hub without connections on this shard.
    func members(of hub: HubName) -> AudienceIndex? {
        self.eventLoop.preconditionInEventLoop()
        return self.hubs[hub]
    }

    /// How many connections there are, also outside of the cluster.
    var count: Int { self.connections.count + self.resumable.count }

    /// A copy, because a connection that is closed leaves the table.
    var all: [Connection] { self.connections.values + Array(self.resumable.values) }

    func hasSessions(in hub: HubName) -> Bool { self.resumable.values.contains { $0.hub == hub } }

    private var members: some Sequence<Connection> { self.hubs.values.lazy.flatMap(\.members) }

    var memberIDs: [ConnectionID] { self.members.map(\.id) }

    /// The records for the presence store: all members that are listed.
    var records: [ConnectionRecord] { self.members.lazy.filter(\.isListed).map { self.record(of: $0) } }

    /// The presence record of a connection.
    func record(of connection: Connection) -> ConnectionRecord {
        ConnectionRecord(
            id: connection.id,
            hub: connection.hub,
            protocol: connection.encoding.clientProtocol.name,
            connectedAt: connection.connectedAt,
            user: connection.user,
            groups: self.groups(of: connection),
            transport: connection.transport.framing.transport
        )
    }

    // MARK: - Groups

    func groups(of connection: Connection) -> Set<AudienceName> { self.hubs[connection.hub]?.groups(of: connection) ?? [] }

    func join(_ connection: Connection, _ group: AudienceName) { self.hubs[connection.hub]?.join(connection, group) }

    func leave(_ connection: Connection, _ group: AudienceName) { self.hubs[connection.hub]?.leave(connection, group) }
}
