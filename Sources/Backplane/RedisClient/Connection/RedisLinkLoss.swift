/// How a connection that was ready has ended.
struct RedisLinkLoss: Hashable, Sendable {
    /// For operators.
    let reason: String
    /// Whether the other side has closed or reset it. Else this side has: for want of an answer, for a wrong one, or at its user's wish.
    var isByPeer = false
}
