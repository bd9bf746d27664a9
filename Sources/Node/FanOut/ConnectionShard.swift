import NIOConcurrencyHelpers
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// The connections of one event loop, and the queue of what other threads want from them.
///
/// Everything is done on the loop, unlocked; only ``submit(bytes:_:)`` may be called from elsewhere. Work that waits together is
/// done together, so a burst of publications costs one hop.
final class ConnectionShard: @unchecked Sendable {
    // Unchecked: `pace`, `connections`, `index`, `turns`, `deflater` and `scratch` are touched on `eventLoop` only (asserted);
    // the queue has its lock; the rest is constant.

    private enum Work {
        case fanOut(FanOut)
        /// To be answered once the bytes have left for the kernel, or after this time.
        case written(FanOut, TimeAmount)
        case request(@Sendable (ConnectionShard) -> Void)
    }

    private struct Queue {
        var work: [Work] = []
        var bytes = 0
        var requests = 0
        var lost = LostPublications()
        /// What an audience is told of so many lost publications; nil: of an unknown number.
        var lossNotice: (@Sendable (Audience, Int?) -> Publication)?

        /// Empties it.
        mutating func take() -> (work: [Work], bytes: Int, lost: LostPublications) {
            defer {
                self.work = []
                (self.bytes, self.requests) = (0, 0)
                self.lost = LostPublications()
            }
            return (self.work, self.bytes, self.lost)
        }
    }

    /// Bytes that may wait for a loop, ``overheadBytes`` for each publication included: 64 MiB. A loop that far behind loses
    /// publications, counted and told to their clients, instead of the whole node losing its memory. One of any size may wait
    /// alone.
    static let queueBytes = 64 * 1024 * 1024
    static let overheadBytes = 256
    /// Requests that may wait beside them: 65,536.
    static let queueRequests = 65_536

    let eventLoop: any EventLoop
    /// Where its connections wait that have more to handle than one turn may.
    let turns: TurnQueue
    /// Its place among the shards of its node, which the ids of its connections have.
    let number: Int
    private let queue = NIOLockedValueBox(Queue())
    private var pace = FanOutCoalescing()
    private var connections: [ConnectionID: Connection] = [:]
    private(set) var index: AudienceIndex
    /// Made with the first message that is compressed here.
    private(set) lazy var deflater = Deflater()
    /// Where shared bytes and one connection's own are put together. Nil while it is in use, and before its first use.
    var scratch: ByteBuffer?

    /// - Parameters:
    ///   - audienceShards: where other threads find out which shards have members of an audience.
    ///   - sockets: counts clients that are gone, see ``LeftoverBudget``.
    init(
        eventLoop: any EventLoop,
        number: Int = 0,
        audienceShards: AudienceShards = AudienceShards(),
        sockets: Admission? = nil
    ) {
        self.eventLoop = eventLoop
        self.turns = TurnQueue(eventLoop: eventLoop, leftovers: LeftoverBudget(sockets: sockets))
        self.number = number
        self.index = AudienceIndex(shard: number, audienceShards: audienceShards)
    }

    /// - Parameter lossNotice: tells an audience of so many lost publications; of nil, of an unknown number.
    func tellLosses(with lossNotice: @escaping @Sendable (Audience, Int?) -> Publication) {
        self.queue.withLockedValue { $0.lossNotice = lossNotice }
    }

    /// Queues publications for the loop to deliver.
    /// - Parameters:
    ///   - publications: how many. Without room they are lost, and their audience on this loop is told so as soon as what waits
    /// is delivered.
    ///   - bytes: what waits with them.
    ///   - writtenWithin: whether, and for how long, to wait until they have left for the kernel.
    /// - Returns: false when the queue is full; nothing is done then.
    func submit(_ fanOut: FanOut, publications: Int = 1, bytes: Int, writtenWithin: TimeAmount? = nil) -> Bool {
        let work = writtenWithin.map { Work.written(fanOut, $0) } ?? .fanOut(fanOut)
        return self.submit { queue in
            let bytes = bytes + Self.overheadBytes
            guard queue.work.isEmpty || queue.bytes + bytes <= Self.queueBytes else {
                queue.lost.add(publications, of: fanOut.audience)
                return nil
            }
            queue.bytes += bytes
            return work
        }
    }

    /// Queues a request. What is full of publications has room for it.
    /// - Returns: false when there are too many; nothing is done then.
    func submit(_ request: @escaping @Sendable (ConnectionShard) -> Void) -> Bool {
        self.submit { queue in
            guard queue.requests < Self.queueRequests else { return nil }
            queue.requests += 1
            return .request(request)
        }
    }

    private func submit(_ admit: (inout Queue) -> Work?) -> Bool {
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

    private func drain() {
        let start = self.eventLoop.now
        let due = self.queue.withLockedValue { $0.bytes }
        if let later = self.pace.wait(now: start, due: due) {
            self.eventLoop.assumeIsolated().scheduleTask(deadline: later) { self.drain() }
            return
        }
        let (work, bytes, lost) = self.queue.withLockedValue { $0.take() }
        var joined: FanOut?
        for item in work {
            if case .fanOut(let next) = item {
                if joined?.join(next) != true {
                    self.deliverAndFinish(joined)
                    joined = next
                }
                continue
            }
            self.deliverAndFinish(joined)
            joined = nil
            switch item {
            case .fanOut: break
            case .written(let fanOut, let time): self.write(fanOut, within: time)
            case .request(let request): request(self)
            }
        }
        self.deliverAndFinish(joined)
        self.tell(lost)
        self.pace.fannedOut(bytes: bytes, from: start, to: self.eventLoop.now)
    }

    /// What was lost came after all that has been delivered now.
    private func tell(_ lost: LostPublications) {
        guard !lost.isEmpty, let notice = self.queue.withLockedValue({ $0.lossNotice }) else { return }
        for (audience, count) in lost.byAudience {
            let publication = notice(audience, count)
            _ = self.deliver(FanOut(EncodedBatch([publication]), to: audience, bytes: publication.messageBytes) { _ in })
        }
    }

    private func deliverAndFinish(_ fanOut: FanOut?) {
        guard let fanOut else { return }
        fanOut.finish(reached: self.deliver(fanOut))
    }

    /// Looks after the connections' pings. One timer for all of a loop, as long as the loop lives.
    func startKeepAlive(every interval: TimeAmount) {
        self.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            let now = self.eventLoop.now
            // A copy: a connection that is cut leaves the table.
            for connection in Array(self.connections.values) { connection.keepAlive(now: now) }
        }
    }

    // MARK: - On the event loop

    func add(_ connection: Connection) {
        self.eventLoop.preconditionInEventLoop()
        self.connections[connection.id] = connection
        if connection.endpoint.joinsCluster { self.index.add(connection) }
    }

    /// - Returns: the connection that was there.
    func remove(_ id: ConnectionID) -> Connection? {
        self.eventLoop.preconditionInEventLoop()
        guard let connection = self.connections.removeValue(forKey: id) else { return nil }
        if connection.endpoint.joinsCluster { self.index.remove(connection) }
        return connection
    }

    func connection(_ id: ConnectionID) -> Connection? {
        self.eventLoop.preconditionInEventLoop()
        return self.connections[id]
    }

    var all: some Collection<Connection> { self.connections.values }

    var memberIDs: [ConnectionID] { self.index.members.map(\.id) }

    /// What the presence store should have: all members but those whose user's topic is not subscribed to yet.
    var records: [ConnectionRecord] { self.index.members.lazy.filter(\.isListed).map { self.record(of: $0) } }

    /// As the presence store keeps it.
    func record(of connection: Connection) -> ConnectionRecord {
        ConnectionRecord(
            id: connection.id,
            protocol: connection.encoding.clientProtocol.name,
            connectedAt: connection.connectedAt,
            user: connection.user,
            groups: self.groups(of: connection)
        )
    }

    // MARK: - Groups

    func groups(of connection: Connection) -> Set<AudienceName> { self.index.groups(of: connection) }

    func join(_ connection: Connection, _ group: AudienceName) { self.index.join(connection, group) }

    func leave(_ connection: Connection, _ group: AudienceName) { self.index.leave(connection, group) }
}
