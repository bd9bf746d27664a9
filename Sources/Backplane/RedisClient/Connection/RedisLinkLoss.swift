/// How a ready connection ended.
struct RedisLinkLoss: Hashable, Sendable {
    /// For operators.
    let reason: String
    /// Whether the peer closed or reset the connection. Otherwise this side closed it: after a timeout, after an invalid answer,
    /// or because the link's user asked for it.
    var isByPeer = false
}
