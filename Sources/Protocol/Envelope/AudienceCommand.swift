/// A command to every node that has connections of an audience: change the connections that are open now.
///
/// Each node answers with a receipt of the number of connections that it has changed, or of ``Receipt/refused`` if a limit forbids
/// the change of one of them.
public struct AudienceCommand: Hashable, Sendable {
    public enum Action: Hashable, Sendable {
        /// Close them with 1000 and without a reason in the close frame.
        /// - text: for the last message of client protocols that have one, at most ``Limits/maximumCloseTextBytes``.
        case close(text: String)
        /// Add them to groups: 1 to ``Limits/maximumGroupsPerCommand``.
        case join([AudienceName])
        /// Remove them from groups: 1 to ``Limits/maximumGroupsPerCommand``.
        case leave([AudienceName])
        /// Remove them from all groups.
        case leaveAll
    }

    public let id: PublicationID
    public let hub: HubName
    public let audience: Audience
    /// Connections of the audience that stay as they are, and which of the others are meant.
    public let selection: PublicationDetails?
    /// When its node sent it, in milliseconds since 1970, UTC. A node that gets the command late leaves later connections out.
    public let timestamp: Int64
    public let action: Action

    public init(
        id: PublicationID,
        hub: HubName,
        audience: Audience,
        selection: PublicationDetails? = nil,
        timestamp: Int64,
        action: Action
    ) {
        self.id = id
        self.hub = hub
        self.audience = audience
        self.selection = selection
        self.timestamp = timestamp
        self.action = action
    }

    /// The topic on which it is published.
    public var topic: Topic { self.audience.topic(in: self.hub) }
}

/// A command to the node that holds a connection: change what its client may do with groups, or ask for it.
public struct PermissionRequest: Hashable, Sendable {
    public enum Action: UInt8, Sendable, CaseIterable {
        case grant = 1
        case revoke = 2
        /// Answered with a receipt of 1 if the client has the permission.
        case check = 3
    }

    public let id: PublicationID
    public let hub: HubName
    public let connection: ConnectionID
    public let action: Action
    public let permission: GroupPermission
    /// nil: all groups.
    public let group: AudienceName?

    public init(
        id: PublicationID,
        hub: HubName,
        connection: ConnectionID,
        action: Action,
        permission: GroupPermission,
        group: AudienceName?
    ) {
        self.id = id
        self.hub = hub
        self.connection = connection
        self.action = action
        self.permission = permission
        self.group = group
    }
}
