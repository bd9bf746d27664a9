/// Why a command got no answer. If it had been written, it is not known whether Redis has executed it.
struct RedisLinkError: Error, Hashable, Sendable {
    /// Why the link is down, for operators; contains no password.
    let reason: String
}
