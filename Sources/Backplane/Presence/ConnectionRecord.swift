public import VolaryProtocol

/// The entry of one connection in the presence store, as its node writes it.
public struct ConnectionRecord: Hashable, Sendable {
    public let id: ConnectionID
    public let hub: HubName
    /// The client protocol: `plain` on `/ws`, `echo` on `/echo`.
    public let `protocol`: String
    /// Milliseconds since 1970, on the node's clock.
    public let connectedAt: Int64
    /// Nil for an anonymous connection.
    public let user: AudienceName?
    public let groups: Set<AudienceName>
    public let transport: ConnectionTransport

    public init(
        id: ConnectionID,
        hub: HubName,
        protocol: String,
        connectedAt: Int64,
        user: AudienceName? = nil,
        groups: Set<AudienceName> = [],
        transport: ConnectionTransport = .webSockets
    ) {
        self.id = id
        self.hub = hub
        self.protocol = `protocol`
        self.connectedAt = connectedAt
        self.user = user
        self.groups = groups
        self.transport = transport
    }
}

/// What carries a connection, as REST names it.
public enum ConnectionTransport: String, Hashable, Sendable {
    case webSockets
    case serverSentEvents
    case longPolling
}

/// A connection with the name of the node that holds it.
public struct ListedConnection: Hashable, Sendable {
    public let record: ConnectionRecord
    /// nil: detached. No node holds it, and its client may resume it.
    public let nodeName: String?

    public init(record: ConnectionRecord, nodeName: String?) {
        self.record = record
        self.nodeName = nodeName
    }
}
