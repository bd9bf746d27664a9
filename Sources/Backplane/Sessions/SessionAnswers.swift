public import NIOCore
public import VolaryProtocol

/// Who calls a ``SessionStore``.
public struct SessionCaller: Hashable, Sendable {
    public let hub: HubName
    public let node: NodeID
    /// The highest position that the node has observed in the hub; nil before the first. A store that stands below it has lost writes.
    public let seen: Position?

    public init(hub: HubName, node: NodeID, seen: Position?) {
        self.hub = hub
        self.node = node
        self.seen = seen
    }
}

/// An answer, with the position of the hub when it was given. Every answer counts as an observation.
public struct Observed<Answer: Sendable>: Sendable {
    /// For an operation that took a number, that number. New sessions have theirs in their fences.
    public let position: Position
    /// Nil while the epoch is the caller's.
    public let loss: EpochLoss?
    public let answer: Answer
}

/// What the epochs since the caller's have lost.
public struct EpochLoss: Hashable, Sendable {
    /// Everything that the caller observed above this number: the lowest base of all epochs since, 0 when the store does not know
    /// the caller's any more.
    public let above: UInt64
    /// The caller's last operation that the store has executed. The caller sends later ones again, also those that were answered.
    public let lastOperation: UInt64
    /// Whether one of these epochs began without anything left, so that no session of the caller's epoch can be vouched for. Where the
    /// store only does not know the caller's epoch, because it was restored from a copy that is older, sessions of nodes go on that were
    /// cut off meanwhile.
    public let isTotal: Bool
    /// See ``LastNumbers/lost``.
    public let lost: Position?
}

/// What a node compares with what it heard.
public struct LastNumbers: Hashable, Sendable {
    /// The number of the last entry of each topic that has one.
    public let byTopic: [Audience: UInt64]
    /// The highest position that any node has observed of the last epoch of which the store has lost something; nil if nothing is known
    /// to be lost. Nodes may tell it at any time later.
    public let lost: Position?
}

/// Why a script changed nothing.
public enum SessionRefusal: Hashable, Sendable {
    /// No such session in the hub.
    case gone
    /// Another owner has claimed it. Nothing more of its input counts.
    case fenced
    /// A new epoch, for which the owner has not vouched. Vouch, then send the operation again with a new sequence.
    case unverified
    /// The connection that a publication is for has no session in the hub.
    case noReceiver
    /// The log no longer has what the session misses.
    case trimmed
    /// A limit of the hub or of the session. A retry may succeed.
    case full
    /// The attached id is in use.
    case exists
}

public enum OperationAnswer: Hashable, Sendable {
    /// Done, at the answer's position.
    case executed
    case attached(Fence)
    /// Done earlier, under the same sequence.
    case alreadyExecuted
    /// Done earlier, under the same `ackId`.
    case duplicate
    case refused(SessionRefusal)
    /// Nothing was done: the store lacks the operations above this sequence, which the node sends again first.
    case gap(after: UInt64)
}

public enum ClaimAnswer: Hashable, Sendable {
    /// The caller is the owner; the fence is in the record. It replays from the record's checkpoint.
    case claimed(SessionRecord)
    /// The former owner may still vouch for the session. Try again.
    case later
    /// It cannot be resumed: unknown, removed, another token, not vouched for, or trimmed.
    case never(SessionRefusal)
}

/// A session with its fence: what most of an owner's scripts are about.
public struct OwnedSession: Hashable, Sendable {
    public let connection: ConnectionID
    public let fence: Fence

    public init(connection: ConnectionID, fence: Fence) {
        self.connection = connection
        self.fence = fence
    }
}

/// A session to be removed by its owner.
public struct SessionRemoval: Hashable, Sendable {
    public let session: OwnedSession
    /// For an application that is told of the end.
    public let reason: String

    public init(_ session: OwnedSession, reason: String) {
        self.session = session
        self.reason = reason
    }
}

public struct SessionAcknowledgement: Hashable, Sendable {
    public let session: OwnedSession
    public let checkpoint: Checkpoint

    public init(session: OwnedSession, checkpoint: Checkpoint) {
        self.session = session
        self.checkpoint = checkpoint
    }
}

public struct SessionRead: Hashable, Sendable {
    public let session: OwnedSession
    /// Entries with higher numbers are wanted.
    public let after: UInt64
    /// The caller's confirmed subscriptions, and the session's own topic.
    public let topics: Set<Audience>

    public init(session: OwnedSession, after: UInt64, topics: Set<Audience>) {
        self.session = session
        self.after = after
        self.topics = topics
    }
}

/// Entries of several topics, in the hub's order.
public struct HubPage: Hashable, Sendable {
    public let entries: [LogEntry]
    /// The page is complete up to here.
    public let through: UInt64
    /// Whether `through` is the hub's number. Otherwise more follows.
    public let isLast: Bool
}

public enum SessionReadAnswer: Hashable, Sendable {
    /// With the session's memberships, which may be newer than the page.
    case page(HubPage, MembershipHistory)
    /// The session has topics that the caller did not name: these, all together. Subscribe, then read again.
    case topics(Set<Audience>)
    case refused(SessionRefusal)
}

/// Result of a script about one session.
public enum SessionAnswer: Hashable, Sendable {
    case done
    case refused(SessionRefusal)
}

/// A removed session of which an application has not been told.
public struct EndedSession: Hashable, Sendable {
    /// The reason of a session whose connection was never open. No client and no caller of REST gives it.
    public static let neverOpened = "\u{0}never opened"
    static let notRecoverable = "The connection could not be recovered."

    public let connection: ConnectionID
    public let user: AudienceName?
    public let state: ByteBuffer
    public let reason: String
}
