/// A place in a topic's log.
struct LogPosition: Hashable, Sendable {
    /// Up to here Lua's numbers are exact, and so far ``RedisScript/publish`` counts, which then begins another epoch.
    static let offsets: ClosedRange<UInt64> = 1...((1 << 53) - 1)

    /// Which log: a new random number each time that a topic's log begins, because Redis has none or not the right one.
    var epoch: UInt64
    /// One of ``offsets``; rises by one from each message to the next.
    var offset: UInt64
}
