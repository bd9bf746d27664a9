/// Limits of a ``SessionStore``, the same on all nodes of a cluster, and of the sessions that a node follows.
public struct SessionLimits: Hashable, Sendable {
    /// Entries of a topic's log. Default 10,000.
    public var topicMessages = 10_000
    /// Bytes of a topic's log. The last entry stays, however large. Default 8 MiB.
    public var topicBytes = 8 * 1024 * 1024
    /// Bytes of all logs and session records of a hub. Beyond that, logs lose their oldest entries, and then publications are
    /// refused. Default 256 MiB.
    public var hubBytes = 256 * 1024 * 1024
    /// How long an entry stays. At least the longest window, plus the longest time that a message may wait for its
    /// acknowledgement, plus 2 s. Default 5 min.
    public var logAge = Duration.seconds(300)
    /// Session records of a hub. Default 100,000.
    public var sessions = 100_000

    public init() {}

    /// Of the logs that a broker with these settings shares with the sessions.
    public init(_ settings: BrokerSettings) {
        self.topicMessages = settings.historyMessages
        self.topicBytes = settings.historyBytes
        self.logAge = settings.historyAge
    }

    /// What a topic with a resumable member keeps where a limit forces trimming.
    static let keptMessages = 1000
    static let keptBytes = 16 * 1024 * 1024
    /// How long a topic without entries lives beyond ``logAge``.
    static let topicGrace = Duration.seconds(12)
    /// The distance of the hub's marks.
    static let markInterval = Duration.seconds(10)
    /// In this time after the start of an epoch a claim may still be vouched for.
    static let vouchTime = Duration.seconds(10)
    /// Assumed memory of a topic besides its entries.
    static let topicOverheadBytes = 256

    /// A page of ``SessionStore/read(_:from:)``. The first entry is always in it.
    static let pageEntries = 256
    static let pageBytes = 1024 * 1024
    /// Refusals that are remembered, by operation sequence: a node has at most so many operations outstanding.
    public static let outstandingOperations = 1024
    /// Operations that a node sends in one call. The first one may have more bytes.
    static let operationsPerCall = 64
    static let operationBytesPerCall = 1024 * 1024
    /// Acknowledgements, or sessions that are vouched for or removed, in one call.
    public static let sessionsPerCall = 256
    /// Sessions that one search looks at.
    static let sessionsPerSearch = 500
    /// Ended sessions that wait until an application was told, and for how long.
    static let ended = 100_000
    static let endedAge = Duration.seconds(3600)
    /// Bytes of handler state, and of all permissions of a connection.
    public static let stateBytes = 64 * 1024
    public static let permissionBytes = 64 * 1024
    /// Group intervals of a connection, those that have ended included. A join beyond is refused, as one beyond ``GroupLimits/maximum`` is.
    public static let intervals = 4096

    /// Publications that wait for a client's acknowledgement.
    static let outboxMessages = 1000
    static let outboxBytes = 16 * 1024 * 1024
    /// Entries held for a session, and for all sessions of a node in a hub, while it reads.
    static let heldBytes = 1024 * 1024
    static let heldBytesPerNode = 16 * 1024 * 1024
    /// A session that does not follow may make no progress for so long.
    public static let catchUpTimeout = Duration.seconds(2)
    /// Confirmed operations that a node keeps, to send them again after a promotion.
    static let journalOperations = 10_000
    static let journalBytes = 16 * 1024 * 1024
}

extension Duration {
    /// Whole milliseconds.
    var milliseconds: Int64 { self.components.seconds * 1000 + self.components.attoseconds / 1_000_000_000_000_000 }
}
