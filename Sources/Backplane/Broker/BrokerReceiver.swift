public import VolaryProtocol

/// Takes what a broker delivers to one node.
public protocol BrokerReceiver: AnyObject, Sendable {
    /// Envelopes that arrived together, in their order. Never called concurrently. Must not block, and must take what it is given: it
    /// bounds its own queues.
    func receive(_ envelopes: [Envelope])

    /// What this node has missed, each topic once: told after the messages around it, within about a second. Called as
    /// ``receive(_:)`` is.
    func missed(_ gaps: [BrokerGap])
}
