import VolaryProtocol

/// Who a connection is. Never changes.
struct ConnectionIdentity: Hashable, Sendable {
    let id: ConnectionID
    /// Nil: nobody in particular.
    let user: AudienceName?
    /// Milliseconds since 1970, UTC.
    let connectedAt: Int64
    /// Whether its token has the permission `broadcast`.
    let canBroadcast: Bool
}
