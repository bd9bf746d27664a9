public import VolaryProtocol

/// One node's unbroken connection to a hub of the store, on which it hears the entries of its topics.
///
/// Events arrive in the order in which the store executed what caused them: behind an entry with a number, no entry of a subscribed
/// topic with a lower number arrives. The entries of the own topic of a session come to its owner without a subscription.
public protocol HubLink: Sendable {
    /// The entries after ``HubLinkEvent/subscribed(_:)`` arrive without a gap, until the link is lost or the topic unsubscribed.
    /// Each call is confirmed, also when its topics are unsubscribed before, unless the link is lost.
    func subscribe(to topics: [Audience])
    func unsubscribe(from topics: [Audience])
    /// Takes the oldest events; after the last one, the link's wake function is called when another comes.
    func receive(upTo limit: Int) -> [HubLinkEvent]
    /// Nothing arrives any more.
    func close()
}

public enum HubLinkEvent: Hashable, Sendable {
    case entry(LogEntry, epoch: UInt64)
    case mark(Position)
    case subscribed([Audience])
    case fenced(ConnectionID, by: Fence)
    case closed(ConnectionID, reason: String)
    /// Entries may be missing before the next event, and all subscriptions are gone.
    case lost
}
