/// A place in a topic's log.
struct LogPosition: Hashable, Sendable {
    /// Which log: a new random number each time that a topic's log begins, because Redis has none or not the right one.
    var epoch: UInt64
    /// From 1 on; rises by one from each message to the next.
    var offset: UInt64
}
