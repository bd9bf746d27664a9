public import NIOCore
public import VolaryProtocol

/// A script that writes for a node, executed once by its sequence.
public enum SessionOperation: Hashable, Sendable {
    /// Creates a session. All its topics were subscribed before. Repeated, it answers what the record holds.
    case attach(SessionAttachment)
    /// From a session's owner, or with nil from anything else: a plain client, REST, an application.
    case publish(HubPublication, from: SessionWriter?)
    case change(SessionChange)
    /// Removes a session, attached or detached, and tells its owner (``HubLinkEvent/closed(_:reason:)``).
    case close(ConnectionID, reason: String)

    /// The session whose fence is compared; nil if none is.
    public var writer: SessionWriter? {
        switch self {
        case .attach, .close: nil
        case .publish(_, let writer): writer
        case .change(let change): change.writer
        }
    }

    /// Bytes of memory, about.
    var bytes: Int {
        switch self {
        case .attach(let attachment):
            512 + attachment.groups.reduce(0) { $0 + 48 + $1.byteCount } + attachment.state.readableBytes
        case .publish(let publication, _): 128 + publication.bytes
        case .change(let change): 128 + change.change.bytes
        case .close(_, let reason): 128 + reason.utf8.count
        }
    }
}

/// An operation's place among the writing operations of a node in a hub: 1, 2, 3 and so on.
public struct OperationSequence: Hashable, Sendable {
    public let number: UInt64
    /// The sequence of the operation before it that the node still holds: `number` - 1, or less where the node gave operations up.
    public let previous: UInt64

    public init(number: UInt64, previous: UInt64) {
        self.number = number
        self.previous = previous
    }
}

/// An operation at its place.
public struct SequencedOperation: Hashable, Sendable {
    public let operation: SessionOperation
    public let sequence: OperationSequence

    public init(_ operation: SessionOperation, as sequence: OperationSequence) {
        self.operation = operation
        self.sequence = sequence
    }
}

/// The owner of a session, in an operation.
public struct SessionWriter: Hashable, Sendable {
    public let connection: ConnectionID
    public let fence: Fence
    /// Remembered in the same step when the operation succeeds.
    public let ackID: AckID?

    public init(connection: ConnectionID, fence: Fence, ackID: AckID? = nil) {
        self.connection = connection
        self.fence = fence
        self.ackID = ackID
    }
}

/// A change of a session: at its number, by a control entry in the session's own topic.
public struct SessionChange: Hashable, Sendable {
    public let connection: ConnectionID
    /// Nil for REST and applications: the session must exist.
    public let writer: SessionWriter?
    public let change: ControlEntry

    /// By the session's owner.
    public init(_ change: ControlEntry, by writer: SessionWriter) {
        self.connection = writer.connection
        self.writer = writer
        self.change = change
    }

    /// By REST or an application, through any node.
    public init(_ change: ControlEntry, of connection: ConnectionID) {
        self.connection = connection
        self.writer = nil
        self.change = change
    }
}

/// What a new session begins with.
public struct SessionAttachment: Hashable, Sendable {
    public let connection: ConnectionID
    public let user: AudienceName?
    public let `protocol`: String
    public let tokenHash: [UInt8]
    public let window: Duration
    public let announcesEnd: Bool
    public let groups: [AudienceName]
    public let permissions: Set<UTF8Text>
    public let state: ByteBuffer
    /// Milliseconds since 1970, UTC.
    public let connectedAt: Int64

    public init(
        connection: ConnectionID,
        user: AudienceName? = nil,
        protocol: String,
        tokenHash: [UInt8],
        window: Duration,
        announcesEnd: Bool = false,
        groups: [AudienceName] = [],
        permissions: Set<UTF8Text> = [],
        state: ByteBuffer = ByteBuffer(),
        connectedAt: Int64 = 0
    ) {
        self.connection = connection
        self.user = user
        self.protocol = `protocol`
        self.tokenHash = tokenHash
        self.window = window
        self.announcesEnd = announcesEnd
        self.groups = groups
        self.permissions = permissions
        self.state = state
        self.connectedAt = connectedAt
    }
}
