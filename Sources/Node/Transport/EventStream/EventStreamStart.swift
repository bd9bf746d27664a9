import VolaryProtocol

/// Where the stream of a reader begins.
struct EventStreamStart: Sendable {
    /// The hub's position from before the reader's subscriptions; nil if nobody could tell it.
    let position: Position?
    /// Whether the subscriptions are confirmed.
    let isSubscribed: Bool
}
