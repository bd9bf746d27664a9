import NIOConcurrencyHelpers
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// The connections of one event loop, and the queue of what other threads want from them.
///
/// Everything is done on the loop, unlocked; only ``submit(bytes:_:)`` may be called from elsewhere. Work that waits together is done
/// together, so a burst of publications costs one hop.
final class ConnectionShard: @unchecked Sendable {
    // Unchecked: `pace`, `connections`, `members`, `audiences`, `turns` and `deflater` are touched on `eventLoop` only (asserted); the queue has its lock; the
    // rest is constant.

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
        /// What clients are told of so many lost publications; nil: of an unknown number.
        var lossNotice: (@Sendable (Int?) -> ByteBuffer)?

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

    /// Bytes that may wait for a loop, ``overheadBytes`` for each publication included: 64 MiB. A loop that far behind loses publications,
    /// counted and told to their clients, instead of the whole node losing its memory. One of any size may wait alone.
    static let queueBytes = 64 * 1024 * 1024
    static let overheadBytes = 256
    /// Requests that may wait beside them: 65,536.
    static let queueRequests = 65_536

    let eventLoop: any EventLoop
    /// Where its connections wait that have more to handle than one turn may.
    let turns: TurnQueue
    /// Its place among the shards of its node, which the ids of its connections have.
    private let index: Int
    private let audienceShards: AudienceShards
    private let queue = NIOLockedValueBox(Queue())
    private var pace = FanOutCoalescing()
    private var connections: [ConnectionID: Connection] = [:]
    /// Those that broadcasts reach, in no order: iterated for every one of them.
    private var members: ContiguousArray<Connection> = []
    /// Made with the first message that is compressed here.
    private lazy var deflater = Deflater()
    /// Groups and users that have a member here.
    private var audiences: [Audience: [ObjectIdentifier: Connection]] = [:]

    /// - Parameters:
    ///   - audienceShards: where other threads find out which shards have members of an audience.
    ///   - sockets: counts clients that are gone, see ``LeftoverBudget``.
    init(
        eventLoop: any EventLoop,
        index: Int = 0,
        audienceShards: AudienceShards = AudienceShards(),
        sockets: Admission? = nil
    ) {
        self.eventLoop = eventLoop
        self.turns = TurnQueue(eventLoop: eventLoop, leftovers: LeftoverBudget(sockets: sockets))
        self.index = index
        self.audienceShards = audienceShards
    }

    /// - Parameter lossNotice: gives the frames that tell clients of so many lost publications; of nil, of an unknown number.
    func tellLosses(with lossNotice: @escaping @Sendable (Int?) -> ByteBuffer) {
        self.queue.withLockedValue { $0.lossNotice = lossNotice }
    }

    /// Queues frames for the loop to deliver.
    /// - Parameters:
    ///   - publications: in the frames. Without room they are lost, and their audience on this loop is told so as soon as what waits is delivered.
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
            let frames = notice(count)
            _ = self.deliver(to: audience) { $0.send(frames) }
        }
    }

    private func deliverAndFinish(_ fanOut: FanOut?) {
        guard let fanOut else { return }
        fanOut.finish(reached: self.deliver(fanOut) { $0.send($1) })
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
        guard connection.endpoint == .plain else { return }
        connection.slot = self.members.count
        self.members.append(connection)
        if let user = connection.user { self.insert(connection, into: .user(user)) }
    }

    /// - Returns: the connection that was there.
    @discardableResult
    func remove(_ id: ConnectionID) -> Connection? {
        self.eventLoop.preconditionInEventLoop()
        guard let connection = self.connections.removeValue(forKey: id) else { return nil }
        guard connection.endpoint == .plain else { return connection }
        // The last member takes the place of the one that goes.
        let last = self.members.removeLast()
        if last !== connection {
            last.slot = connection.slot
            self.members[connection.slot] = last
        }
        for audience in connection.audiences { self.erase(connection, from: audience) }
        return connection
    }

    func connection(_ id: ConnectionID) -> Connection? {
        self.eventLoop.preconditionInEventLoop()
        return self.connections[id]
    }

    var all: some Collection<Connection> { self.connections.values }

    var memberIDs: [ConnectionID] { self.members.map(\.id) }

    /// What the presence store should have: all members but those whose user's topic is not subscribed to yet.
    var records: [ConnectionRecord] { self.members.filter(\.isListed).map(\.record) }

    // MARK: - Groups

    func join(_ connection: Connection, _ group: AudienceName) {
        connection.groups.insert(group)
        self.insert(connection, into: .group(group))
    }

    func leave(_ connection: Connection, _ group: AudienceName) {
        connection.groups.remove(group)
        self.erase(connection, from: .group(group))
    }

    private func insert(_ connection: Connection, into audience: Audience) {
        if self.audiences[audience] == nil { self.audienceShards.insert(self.index, for: audience) }
        self.audiences[audience, default: [:]][ObjectIdentifier(connection)] = connection
    }

    private func erase(_ connection: Connection, from audience: Audience) {
        self.audiences[audience]?[ObjectIdentifier(connection)] = nil
        guard self.audiences[audience]?.isEmpty == true else { return }
        self.audiences[audience] = nil
        self.audienceShards.remove(self.index, for: audience)
    }

    // MARK: - Delivery

    /// A message in the form that the connection agreed on.
    func frame(opcode: Opcode, payload: ByteBuffer, for connection: Connection) -> ByteBuffer {
        guard connection.compression?.allowsCompressed(bytes: payload.readableBytes) == true else {
            return FrameEncoder.encode(opcode: opcode, payload: payload)
        }
        var frame = ByteBuffer()
        FrameEncoder.append(opcode: opcode, payload: payload, compressedBy: self.deflater, to: &frame)
        return frame
    }

    /// Sends frames to every connection of their audience, compressed to those that agreed on it.
    /// - Parameter send: what sending is; gives false when the connection does not take them.
    /// - Returns: how many connections took them.
    @inline(__always)
    func deliver(_ fanOut: FanOut, _ send: (Connection, ByteBuffer) -> Bool) -> UInt32 {
        let (frames, compressed) = (fanOut.frames, fanOut.compressed)
        guard !compressed.isEmpty else { return self.deliver(to: fanOut.audience) { send($0, frames) } }
        var form: ByteBuffer?
        return self.deliver(to: fanOut.audience) { connection in
            guard compressed.allSatisfy({ $0.isUsable(by: connection) }) else { return send(connection, frames) }
            let made = form ?? self.joined(compressed)
            form = made
            return send(connection, made)
        }
    }

    private func joined(_ compressed: [CompressedFrames]) -> ByteBuffer {
        var bytes = compressed[0].frames(by: self.deflater)
        for next in compressed.dropFirst() { bytes.writeImmutableBuffer(next.frames(by: self.deflater)) }
        return bytes
    }

    /// Calls `send` with each connection of an audience until all have been called.
    /// - Returns: how many times it gave true.
    @inline(__always)
    func deliver(to audience: Audience, _ send: (Connection) -> Bool) -> UInt32 {
        self.eventLoop.preconditionInEventLoop()
        var reached: UInt32 = 0
        switch audience {
        case .all:
            for connection in self.members where send(connection) { reached += 1 }
        case .connection(let id):
            if let connection = self.connections[id], send(connection) { reached += 1 }
        case .group, .user:
            guard let connections = self.audiences[audience] else { return 0 }
            for connection in connections.values where send(connection) { reached += 1 }
        }
        return reached
    }
}

extension Connection {
    /// Those that the shard has an index for.
    fileprivate var audiences: [Audience] {
        self.groups.map(Audience.group) + (self.user.map { [.user($0)] } ?? [])
    }
}
