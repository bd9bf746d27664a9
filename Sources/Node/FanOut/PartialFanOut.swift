import NIOCore
import VolaryProtocol

/// A fan-out that is too long for one turn of its event loop: delivers to some connections in each turn, in the same order to all.
/// Belongs to the loop.
///
/// A connection that leaves the audience between two turns gets nothing any more. One that joins had to join earlier.
struct PartialFanOut {
    /// The most bytes of one turn: 1 MiB, which the kernel takes in about half a millisecond. At least one connection gets the fan-out.
    static let turnBytes = 1024 * 1024
    /// The most connections of a fan-out that is not divided: 1,024. Each costs about 2.5 us, however short the message.
    static let undividedConnections = 1024
    /// The same with a filter, which may read a mebibyte of text for each connection: 16.
    static let undividedFilters = 16
    /// The clock is read for each so many connections, with a filter for each.
    private static let step = 64

    private let audience: HubAudience
    private let selection: PublicationDetails?
    private var forms: FanOutForms
    private let bytesEach: Int
    private let connections: ContiguousArray<Connection>
    private var next = 0
    private var reached: UInt32 = 0
    private var misses = FanOutMisses()
    private let send: (Connection, ByteBuffer) -> Bool
    private let done: (FanOutReach) -> Void

    /// Whether a fan-out may be too long for one turn: escaping makes text at most six times as long.
    static func mayDivide(_ fanOut: FanOut, connections: Int) -> Bool {
        self.isLong(fanOut, connections: connections, bytes: 6 * fanOut.bytes)
    }

    /// Also when there is one connection: the message is encoded in one turn and written in the next.
    fileprivate static func isLong(_ fanOut: FanOut, connections: Int, bytes: Int) -> Bool {
        connections > (fanOut.selection == nil ? self.undividedConnections : self.undividedFilters)
            || connections * bytes > self.turnBytes
    }

    fileprivate init(
        _ fanOut: FanOut,
        forms: FanOutForms,
        bytesEach: Int,
        to connections: ContiguousArray<Connection>,
        send: @escaping (Connection, ByteBuffer) -> Bool,
        done: @escaping (FanOutReach) -> Void
    ) {
        self.audience = fanOut.audience
        self.selection = fanOut.selection
        self.forms = forms
        self.bytesEach = bytesEach
        self.connections = connections
        self.send = send
        self.done = done
    }

    /// Delivers for one turn.
    /// - Returns: whether all connections have got the fan-out.
    mutating func goOn(until end: NIODeadline, on shard: ConnectionShard) -> Bool {
        let begin = self.next
        var bytes = 0
        while self.next < self.connections.count {
            let connection = self.connections[self.next]
            self.next += 1
            self.deliver(to: connection, shard)
            bytes += self.bytesEach
            if bytes >= Self.turnBytes { break }
            if self.selection != nil || (self.next - begin) % Self.step == 0, shard.eventLoop.now >= end { break }
        }
        guard self.next == self.connections.count else { return false }
        self.done(FanOutReach(connections: self.reached, omissions: self.forms.omissions, misses: self.misses))
        return true
    }

    private mutating func deliver(to connection: Connection, _ shard: ConnectionShard) {
        if let selection, !selection.selects(connection) {
            self.misses.excluded += 1
        } else if self.isMember(connection, shard) {
            if shard.deliver(&self.forms, to: connection, self.send) { self.reached += 1 } else { self.misses.missed(connection) }
        }
    }

    private func isMember(_ connection: Connection, _ shard: ConnectionShard) -> Bool {
        switch self.audience.audience {
        case .all, .user, .connection: return true
        case .group: return shard.members(of: self.audience.hub)?.contains(connection, in: self.audience.audience) ?? false
        }
    }
}

extension ConnectionShard {
    /// - Parameters:
    ///   - send: as in ``deliver(_:_:)``.
    ///   - done: called at the end.
    /// - Returns: nil for a fan-out that one turn has time for; nothing has been delivered in that case.
    func divided(
        _ fanOut: FanOut,
        send: @escaping (Connection, ByteBuffer) -> Bool,
        done: @escaping (FanOutReach) -> Void
    ) -> PartialFanOut? {
        guard let members = self.members(of: fanOut.audience.hub),
            let usual = self.anyConnection(of: fanOut.audience, among: members)?.encoding
        else { return nil }
        let count = members.count(of: fanOut.audience.audience)
        guard PartialFanOut.mayDivide(fanOut, connections: count) else { return nil }
        let form = fanOut.form(usual, deflater: self.deflater)
        let bytes = form.bytes.readableBytes
        guard PartialFanOut.isLong(fanOut, connections: count, bytes: bytes) else { return nil }
        return PartialFanOut(
            fanOut,
            forms: FanOutForms(fanOut, usual: usual, form: form),
            bytesEach: bytes,
            to: members.list(of: fanOut.audience.audience),
            send: send,
            done: done
        )
    }
}
