/// The position of a message in its topic's log.
struct LogPosition: Hashable, Sendable {
    /// The maximum is 2^53 - 1, above which integers in Lua are not exact. ``RedisScript/publish`` begins another epoch there.
    static let offsets: ClosedRange<UInt64> = 1...((1 << 53) - 1)

    /// Identity of the log: a random number that is new each time a topic's log begins, because Redis has no log or not the
    /// right one.
    var epoch: UInt64
    /// One of ``offsets``. It increases by one from each message to the next.
    var offset: UInt64
    /// The message's number in the order of its hub, and its id in the log; 0 where it is not known.
    var number: UInt64 = 0
}
