/// What nodes send to each other through the broker.
public enum NodeMessage: Hashable, Sendable {
    /// A message to connections, on the topic of its audience (``Publication/topic``).
    case publication(Publication)
    /// How many connections of the sending node got a publication or were changed by a command, on the topic of the node that
    /// asked.
    case receipts([Receipt])
    /// To the node that holds a connection: close it. Answered with a receipt of 1, or of 0 when there is no such connection in
    /// the hub.
    case close(CloseRequest)
    /// To the node that holds a connection: add it to a group or remove it. Answered with a receipt of 1, of 0 when there is no
    /// such connection in the hub, or of ``Receipt/refused``.
    case membership(MembershipRequest)
    /// To the nodes that have connections of an audience: change them, on the topic of the audience.
    case audience(AudienceCommand)
    /// To the node that holds a connection: change or check its permissions. Answered with a receipt of 1, of 0 when there is no
    /// such connection in the hub, or of ``Receipt/refused``, also when the client lacks the permission.
    case permission(PermissionRequest)
    /// To a node: drain, then stop. Answered with a receipt of 1 as soon as the node accepts it, also while it drains already.
    case drain(PublicationID)
    /// To a node: are you alive? Answered with a receipt of 1. Not logged: a node that is not connected does not get it later.
    case probe(PublicationID)
    /// To the node that holds a connection: a request of its client. Answered with ``transportAnswer(_:)``.
    case transportRequest(TransportRequest)
    case transportAnswer(TransportAnswer)
    /// To a node: what do you know of a message? And its answer. A node that does not know this kind of message does not answer.
    case trace(TraceMessage)
}

/// One node's answer: how many of its connections a publication reached or a command concerned.
public struct Receipt: Hashable, Sendable {
    /// Takes the place of a count: the node understood the command, and its limits forbid it.
    public static let refused = UInt32.max
    /// Added to a count of sessions: a node answers for them apart from its other connections. No node has so many of them.
    public static let ofSessions: UInt32 = 1 << 31

    /// The publication or command that this answers.
    public let id: PublicationID
    public let connections: UInt32

    public init(id: PublicationID, connections: UInt32) {
        self.id = id
        self.connections = connections
    }
}

/// A command to another node: close one of its connections.
public struct CloseRequest: Hashable, Sendable {
    public let id: PublicationID
    public let hub: HubName
    public let connection: ConnectionID
    /// Sent in the close frame.
    public let code: CloseCode
    /// At most 123 bytes of UTF-8 (RFC 6455 section 5.5: a control frame carries 125).
    public let reason: String

    public init(id: PublicationID, hub: HubName, connection: ConnectionID, code: CloseCode, reason: String) {
        self.id = id
        self.hub = hub
        self.connection = connection
        self.code = code
        self.reason = reason
    }
}

/// A command to another node: change the groups of one of its connections.
public struct MembershipRequest: Hashable, Sendable {
    public let id: PublicationID
    public let hub: HubName
    public let connection: ConnectionID
    public let group: AudienceName
    /// True adds the connection to the group; false removes it.
    public let joins: Bool

    public init(id: PublicationID, hub: HubName, connection: ConnectionID, group: AudienceName, joins: Bool) {
        self.id = id
        self.hub = hub
        self.connection = connection
        self.group = group
        self.joins = joins
    }
}
