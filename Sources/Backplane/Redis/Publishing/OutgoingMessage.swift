import NIOCore
import VolaryProtocol

/// One call of ``Broker/publish(_:to:completion:)``.
struct PublishRequest: Sendable {
    let message: NodeMessage
    let topic: Topic
    let completion: (@Sendable (Result<PublishOutcome, BrokerError>) -> Void)?

    /// Whether it certainly does not fit into an envelope.
    var isTooLarge: Bool {
        guard case .publication(let publication) = self.message else { return false }
        return publication.payload.readableBytes > Limits.maximumEnvelopeBytes
    }

    /// Bytes that it counts for in a queue.
    var size: Int { self.message.payloadBytes + Outbox<Void>.overheadBytes }
}

/// What this node can expect of Redis when a message is published.
struct PublishReachability {
    /// The publisher's link is up, or slow.
    var publisher: Bool
    /// The subscriber's link is up.
    var subscriber: Bool
    /// This node is subscribed to the topic or will be.
    var isWanted: Bool
    /// Redis has confirmed the subscription on the present link.
    var isConfirmed: Bool

    /// Whether the message comes back through Redis to this node's receiver.
    var comesBack: Bool { self.publisher && self.isConfirmed }
    /// Whether the answer to SUBSCRIBE will tell if the message comes back.
    var awaitsConfirmation: Bool { self.publisher && self.subscriber && self.isWanted && !self.isConfirmed }
    var isDegraded: Bool { !self.publisher || !self.subscriber || self.isWanted && !self.comesBack }
}

/// A message in the outbox.
struct OutgoingMessage: Sendable {
    let topic: Topic
    /// The envelope's.
    fileprivate(set) var sequence: UInt64
    /// The encoded envelope.
    var bytes: ByteBuffer
    /// Nil when nobody waits, or no longer.
    var completion: (@Sendable (Result<PublishOutcome, BrokerError>) -> Void)?
    /// Whether a link was down when it was published, so that this node's receiver may not get it through Redis.
    var isDegraded: Bool
    /// Whether this node was subscribed to the topic: its own receiver gets it.
    let isWanted: Bool
    /// Whether it gets a position in the topic's log.
    let isLogged: Bool

    /// The same message under another sequence, encoded in `bytes`.
    func renumbered(_ sequence: UInt64, _ bytes: ByteBuffer) -> Self {
        var renumbered = self
        renumbered.sequence = sequence
        renumbered.bytes = bytes
        return renumbered
    }
}

extension NodeMessage {
    /// Whether a node that was away fetches it afterwards. Receipts and probes are of no use by then.
    var isWorthLogging: Bool {
        switch self {
        case .publication, .close, .membership, .drain: true
        case .receipts, .probe: false
        }
    }
}
