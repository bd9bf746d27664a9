public import ServiceLifecycle
public import VolaryProtocol

/// The connections of the whole cluster: for each live node, its connections in each hub in the order of their ids.
///
/// **Ownership.** A node writes only its own entries, and only while it holds its lease. Its entries appear with
/// ``register(_:claiming:)``. They are removed all at once by ``unregister(_:)`` and by ``reap()``, and no answer contains them
/// once the lease has expired.
///
/// **Time.** Leases are granted and expire on the store's clock; the clocks of nodes do not matter.
///
/// **Errors.** Every call ends within the store's timeout, with an answer or with ``PresenceError``. A write that failed may have
/// taken effect; every write may be repeated.
public protocol PresenceStore: Service {
    /// Takes a new lease for `node`, without connections, and replaces all entries under its id.
    /// - Parameter claim: how other nodes of its name are treated, such as the predecessor of a restarted node. The check and
    ///   the write are atomic: if two nodes claim one name at the same time, the second one finds the first.
    @discardableResult
    func register(_ node: NodeRecord, claiming claim: NameClaim) async throws(PresenceError) -> NodeRegistration

    /// Extends the lease to its full length and rewrites the node's record.
    /// - Returns: `.lost` when there is no live lease under this id. Nothing has been written then.
    func renew(_ node: NodeRecord) async throws(PresenceError) -> LeaseState

    /// Adds connections of `node` in one hub, of which all the records must be, then removes others. Adding a connection that is
    /// present replaces its record, and with it the users and groups under which it is found. Removing one that is not present
    /// does nothing. At most ``PresenceLimits/connectionsPerUpdate`` connections in all, else `.refused`. An update may be written in several steps,
    /// and each step extends the lease to its full length, so a slow update does not make the lease expire.
    ///
    /// The change of each connection is atomic: no reader finds a connection twice, or misses one that stays. The update as a
    /// whole is not atomic: it may become visible, or fail, in parts.
    /// - Returns: `.lost` as in ``renew(_:)``.
    func update(
        _ node: NodeID,
        in hub: HubName,
        adding: [ConnectionRecord],
        removing: [ConnectionID]
    ) async throws(PresenceError) -> LeaseState

    /// Deletes the node and all its entries. Does nothing when the node is not present.
    func unregister(_ node: NodeID) async throws(PresenceError)

    /// Deletes every node whose lease has expired. Each is returned to one caller only, even if several nodes reap at the same
    /// time. If the node is alive after all, ``register(_:claiming:)`` tells it.
    func reap() async throws(PresenceError) -> [ReapedNode]

    /// The nodes with a live lease, and those that have expired and are not reaped yet, ordered by name, then id.
    func nodes() async throws(PresenceError) -> [NodeStatus]

    /// One page of the hub's connections on all live nodes, ordered by id.
    ///
    /// With any filter, the total is exact, and the page is full while more connections follow (except for records that cannot be
    /// decoded). The cost depends on the length of the page and on the number of nodes, but not on the position of the page or on
    /// the number of matches. If each page begins after the previous one, the pages together contain every connection that matches
    /// all the time exactly once, whatever else changes.
    ///
    /// Several pages may have to wait for each other. If the task is canceled, the call ends with `.unavailable`: at once while it
    /// waits, otherwise after the current round trip.
    func connections(_ query: ConnectionQuery) async throws(PresenceError) -> ConnectionPage

    /// One connection of a hub; nil when it is not present there or the lease of its node has expired. `.unavailable` when it is
    /// not present and its node is registering.
    func connection(_ id: ConnectionID, in hub: HubName) async throws(PresenceError) -> ListedConnection?

    /// Takes the id of a connection that a node is about to open, if any node may open it. It stays taken for this time, whatever becomes of
    /// the node and the connection.
    /// - Returns: false when it is taken.
    func take(_ id: ConnectionID, in hub: HubName, for time: Duration) async throws(PresenceError) -> Bool

    /// Runs until graceful shutdown.
    func run() async throws
}

/// Whether a node's lease is valid.
public enum LeaseState: Hashable, Sendable {
    case held
    case lost
}

/// Why a presence store did not answer.
public enum PresenceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not linked, or no answer within the timeout. The text is for operators.
    case unavailable(String)
    /// The store gave an invalid answer, or refused (out of memory, read only). The text is for operators.
    case refused(String)
    /// Nodes of the former format hold leases in the store, and would share nothing with this node but the prefix. Thrown by
    /// ``PresenceStore/register(_:claiming:)`` only, which has written nothing.
    case formerFormat(nodes: Int)
    /// Live nodes read and write other formats than this node (``NodeRecord/formats``). Thrown as the former.
    case foreignFormats(nodes: Int)

    public var description: String {
        switch self {
        case .unavailable(let reason): reason
        case .refused(let reason): "refused: \(reason)"
        case .formerFormat(let nodes): "nodes of an older, incompatible version use the store: \(nodes)"
        case .foreignFormats(let nodes): "nodes of another, incompatible version use the store: \(nodes)"
        }
    }
}

extension PresenceError {
    static let tooManyChanges = PresenceError.refused("more changes than one update allows")
    /// The task of the caller was canceled, so the answer is not needed.
    static let callerCanceled = PresenceError.unavailable("the caller was canceled")
    static let nodeIsRegistering = PresenceError.unavailable("the connection's node is registering what it holds")
}

/// Limits of a ``PresenceStore``.
public enum PresenceLimits {
    /// Connections in one update: 500. Without users and groups that is about 50 KB and two milliseconds of the store's time;
    /// with the longest names and ``GroupLimits/standard`` 32 MB, which the store writes in small steps.
    public static let connectionsPerUpdate = 500
    /// How long the store remembers that a node was reaped: a day. A node that hangs for longer returns without an announcement.
    public static let reapedFor = Duration.seconds(24 * 60 * 60)
    /// The largest page: 1,000 connections.
    public static let pageSize = 1000
}
