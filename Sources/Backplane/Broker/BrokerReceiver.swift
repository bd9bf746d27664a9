public import VolaryProtocol

/// Receives what a broker delivers to one node.
public protocol BrokerReceiver: AnyObject, Sendable {
    /// Envelopes that arrived together, in their order. Calls are never concurrent. The method must not block and must accept
    /// every envelope: it limits its own queues.
    func receive(_ envelopes: [Envelope])

    /// Gaps of this node, each topic once. Reported after the messages around the gap, within about a second. Called in the same
    /// way as ``receive(_:)``.
    func missed(_ gaps: [BrokerGap])
}
