public import NIOCore
public import VolaryProtocol

/// A resumable connection, as the store keeps it.
public struct SessionRecord: Hashable, Sendable {
    public enum Status: Hashable, Sendable {
        case attached(NodeID)
        /// Until then it may be claimed: milliseconds since 1970 on the store's clock.
        case detached(until: Int64)
    }

    /// Why a session whose window is over is removed.
    static let expiryReason = "The connection recovery timeout expired."

    public let id: ConnectionID
    public let user: AudienceName?
    public let `protocol`: String
    /// SHA-256 of the client's reconnection token.
    public let tokenHash: [UInt8]
    /// How long the client may be away.
    public let window: Duration
    /// Whether the end of the connection is kept in the store until an application was told of it.
    public let announcesEnd: Bool
    public internal(set) var status: Status
    public internal(set) var fence: Fence
    /// The epoch for which the owner has vouched that its client saw nothing that is lost.
    public internal(set) var epoch: UInt64
    public internal(set) var checkpoint: Checkpoint
    public internal(set) var memberships: MembershipHistory
    public internal(set) var permissions: Set<UTF8Text>
    /// Belongs to the application's event handler.
    public internal(set) var state: ByteBuffer
    /// When the connection was first opened: milliseconds since 1970, UTC; 0 if an older node stored the record.
    public internal(set) var connectedAt: Int64 = 0
    public internal(set) var acknowledged = AcknowledgedIDs()

    /// Bytes of memory, about, overhead included.
    var bytes: Int {
        let names = self.memberships.intervals.reduce(0) { $0 + 64 + $1.key.byteCount + 24 * $1.value.count }
        return 400 + names + self.permissions.reduce(0) { $0 + 48 + $1.utf8.count } + self.state.readableBytes
            + self.acknowledged.bytes + self.protocol.utf8.count + (self.user?.byteCount ?? 0)
    }

    /// The topics that a replay from `number` on reads, each with the number above which it needs every entry: the groups of all
    /// intervals that end above it, also those that were left.
    func topics(after number: UInt64) -> [Audience: UInt64] {
        Self.topics(of: self.id, user: self.user, memberships: self.memberships, after: number)
    }

    static func topics(
        of id: ConnectionID,
        user: AudienceName?,
        memberships: MembershipHistory,
        after number: UInt64
    ) -> [Audience: UInt64] {
        var topics: [Audience: UInt64] = [.all: number, .connection(id): number]
        if let user { topics[.user(user)] = number }
        for (group, from) in memberships.beginnings(above: number) { topics[.group(group)] = max(number, from) }
        return topics
    }
}
