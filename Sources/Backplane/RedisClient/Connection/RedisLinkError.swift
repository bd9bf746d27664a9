/// Why a command got no answer. Whether Redis has carried it out is unknown when it had been written.
struct RedisLinkError: Error, Hashable, Sendable {
    /// Why the link is down, for operators; names no password.
    let reason: String
}
