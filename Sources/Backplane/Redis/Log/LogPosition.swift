/// The position of a message in its topic's log.
struct LogPosition: Hashable, Sendable {
    /// Up to 2^53 - 1, where Lua's integers stop being exact: ``RedisScript/publish`` begins another epoch there.
    static let offsets: ClosedRange<UInt64> = 1...((1 << 53) - 1)

    /// Identity of the log: a new random number each time that a topic's log begins, as Redis has none or not the right one.
    var epoch: UInt64
    /// One of ``offsets``; rises by one from each message to the next.
    var offset: UInt64
}
