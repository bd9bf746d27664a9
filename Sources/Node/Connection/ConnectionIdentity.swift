import VolaryProtocol

/// The identity of a connection. Constant.
struct ConnectionIdentity: Hashable, Sendable {
    let id: ConnectionID
    let hub: HubName
    /// nil for an anonymous client.
    let user: AudienceName?
    /// Time of the connection, in milliseconds since 1970, UTC.
    let connectedAt: Int64
    /// Whether the client's token has the permission `broadcast`.
    let canBroadcast: Bool
}
