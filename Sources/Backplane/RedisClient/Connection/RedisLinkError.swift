/// Why a command got no answer. If it had been written, it is unknown whether Redis has carried it out.
struct RedisLinkError: Error, Hashable, Sendable {
    /// Why the link is down, for operators; names no password.
    let reason: String
}
