/// How a connection that was ready has ended.
struct RedisLinkLoss: Hashable, Sendable {
    /// For operators.
    let reason: String
    /// Whether the other side has closed or reset it. Otherwise this side has: a missing answer, a wrong one, or ``RedisLink/drop(reason:)``.
    var isByPeer = false
}
