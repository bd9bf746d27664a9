/// What nodes say to each other through the broker.
public enum NodeMessage: Hashable, Sendable {
    /// For connections; on ``Topic/all``, or on the topic of the node that holds the target.
    case publication(Publication)
    /// How many connections publications reached, or requests concerned, on the node that says it; on the topic of the node that asked.
    case receipts([Receipt])
    /// To the node that holds a connection: close it, and answer with a receipt of 1, or of 0 when there is none.
    case close(CloseRequest)
    /// To the node that holds a connection: put it into a group or take it out, and answer with a receipt of 1, of 0 when there is no such
    /// connection, or of ``Receipt/refused``.
    case membership(MembershipRequest)
    /// To a node: drain, and then end. Answered with a receipt of 1 as soon as it is taken; a node that drains already takes it too.
    case drain(PublicationID)
    /// To a node: does it live? Answered with a receipt of 1. Who is away does not find it later.
    case probe(PublicationID)
}

/// One node's answer: how many of its connections a publication reached or a request concerned.
public struct Receipt: Hashable, Sendable {
    /// Instead of a number: the request was understood, and may not be done.
    public static let refused = UInt32.max

    /// The publication or request that is answered.
    public let id: PublicationID
    public let connections: UInt32

    public init(id: PublicationID, connections: UInt32) {
        self.id = id
        self.connections = connections
    }
}

/// One node's wish that another closes one of its connections.
public struct CloseRequest: Hashable, Sendable {
    public let id: PublicationID
    public let connection: ConnectionID
    /// Sent in the close frame.
    public let code: CloseCode
    /// At most 123 bytes of UTF-8 (RFC 6455 section 5.5: a control frame carries 125).
    public let reason: String

    public init(id: PublicationID, connection: ConnectionID, code: CloseCode, reason: String) {
        self.id = id
        self.connection = connection
        self.code = code
        self.reason = reason
    }
}

/// One node's wish that another changes a connection's groups.
public struct MembershipRequest: Hashable, Sendable {
    public let id: PublicationID
    public let connection: ConnectionID
    public let group: AudienceName
    /// False: out of the group.
    public let joins: Bool

    public init(id: PublicationID, connection: ConnectionID, group: AudienceName, joins: Bool) {
        self.id = id
        self.connection = connection
        self.group = group
        self.joins = joins
    }
}
