public import Protocol

/// Takes what a broker delivers to one node.
public protocol BrokerReceiver: AnyObject, Sendable {
    /// Envelopes that arrived together, in their order. Never called concurrently. Must not block, and must take what it is given: it
    /// bounds its own queues.
    func receive(_ envelopes: [Envelope])
}
