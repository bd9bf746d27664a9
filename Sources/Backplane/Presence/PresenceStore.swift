public import ServiceLifecycle
public import VolaryProtocol

/// Who is connected, cluster-wide: per live node, its connections in the order of their ids.
///
/// **Ownership.** A node writes only its own entries, and only while it holds its lease. All of a node's entries hang off the node: they
/// appear with ``register(_:claiming:)`` and are gone, all at once, with ``unregister(_:)``, with ``reap()``, and from every answer as
/// soon as the lease has expired.
/// **Time.** Leases are granted and judged on the store's clock; no node's clock matters.
/// **Errors.** Every call ends within the store's deadline, with an answer or with ``PresenceError``. A write that failed may
/// nevertheless have been done; all writes may be repeated.
public protocol PresenceStore: Service {
    /// Takes a new lease for `node`, replacing whatever stands under its id, without connections.
    /// - Parameter claim: what becomes of others of its name, such as a restarted node's predecessor. Judged and done at once: of two nodes
    ///   that claim one name for themselves at the same time, one finds the other in the way.
    @discardableResult
    func register(_ node: NodeRecord, claiming claim: NameClaim) async throws(PresenceError) -> NodeRegistration

    /// Prolongs the lease to its full length and rewrites the node's record.
    /// - Returns: `.lost` when there is no live lease under this id; nothing has been written then.
    func renew(_ node: NodeRecord) async throws(PresenceError) -> LeaseState

    /// Adds, then removes connections of `node`. Adding one that is there replaces its record, and with it by which users and groups it is
    /// found; removing one that is not does nothing. At most ``PresenceLimits/connectionsPerUpdate`` in all, else `.refused`. Prolongs the lease to its full
    /// length, time and again while it lasts: however long the way to the store is, an update does not outlast the lease.
    ///
    /// Each connection changes at once and as a whole: nobody finds it twice or, while it stays, not at all. The update as a whole may
    /// become visible, or fail, in parts.
    /// - Returns: `.lost` as in ``renew(_:)``.
    func update(
        _ node: NodeID,
        adding: [ConnectionRecord],
        removing: [ConnectionID]
    ) async throws(PresenceError) -> LeaseState

    /// Deletes the node and all its entries. Does nothing when it is not there.
    func unregister(_ node: NodeID) async throws(PresenceError)

    /// Deletes every node whose lease has expired. Each expired node is reported to one caller only, whichever nodes reap at once; should
    /// it live after all, ``register(_:claiming:)`` tells it.
    func reap() async throws(PresenceError) -> [ReapedNode]

    /// The nodes with a live lease, and those expired and not reaped yet, ordered by name, then id.
    func nodes() async throws(PresenceError) -> [NodeStatus]

    /// One page of the connections of all live nodes, ordered by id.
    ///
    /// Whatever is filtered by, the total is exact, the page is full while more follow (but for records that cannot be read), and the cost
    /// is that of the page's length and of the number of nodes: not of how deep the page is or how many match. Pages that each begin after
    /// the one before give every connection that matches all the while exactly once, whatever else comes and goes.
    func connections(_ query: ConnectionQuery) async throws(PresenceError) -> ConnectionPage

    /// One connection; nil when it is not there or its node's lease has expired. `.unavailable` when it is not there and its node is
    /// registering.
    func connection(_ id: ConnectionID) async throws(PresenceError) -> ListedConnection?

    /// Runs until graceful shutdown.
    func run() async throws
}

/// Whether a node's lease still stands.
public enum LeaseState: Hashable, Sendable {
    case held
    case lost
}

/// Why a presence store did not answer.
public enum PresenceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not linked, or no answer within the deadline. The text is for operators.
    case unavailable(String)
    /// The store answered what no store should, or refused (out of memory, read only). The text is for operators.
    case refused(String)

    public var description: String {
        switch self {
        case .unavailable(let reason): reason
        case .refused(let reason): "refused: \(reason)"
        }
    }
}

extension PresenceError {
    /// The caller splits its updates.
    static let tooManyChanges = PresenceError.refused("more changes than one update may have")
    static let nodeIsRegistering = PresenceError.unavailable("the connection's node is registering what it holds")
}

/// Bounds of ``PresenceStore``.
public enum PresenceLimits {
    /// Connections that one update may name: 500. Without users and groups that is about 50 KB and two milliseconds of the store's time; with
    /// the longest names and the most groups 32 MB, which the store takes in small steps.
    public static let connectionsPerUpdate = 500
    /// Groups that one connection may be in: 64, which makes at most 129 index entries. Stores refuse nothing; whoever puts a connection into
    /// a group checks ``hasRoom(for:in:)``.
    public static let groupsPerConnection = 64
    /// Bytes of the names of all groups of one connection: 16 KiB, 256 for each of the most groups. A connection then takes at most 64 KiB of
    /// the store, in the longest encoding of names.
    public static let groupBytesPerConnection = 16 * 1024

    /// Whether a connection that is in `groups` may be in one more.
    public static func hasRoom(for group: AudienceName, in groups: Set<AudienceName>) -> Bool {
        groups.count < self.groupsPerConnection
            && groups.reduce(group.byteCount) { $0 + $1.byteCount } <= self.groupBytesPerConnection
    }
    /// How long it is known that a node was reaped: a day. A node that stands still for longer comes back in silence.
    public static let reapedFor = Duration.seconds(24 * 60 * 60)
    /// The largest page: 1,000 connections.
    public static let pageSize = 1000
}
