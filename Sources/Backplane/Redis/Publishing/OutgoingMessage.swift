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

    /// Its size in bytes, as counted in queues.
    var size: Int { self.message.payloadBytes + Outbox<Void>.overheadBytes }
}

/// The state of the links and of the subscription when a message is published.
struct PublishReachability {
    /// Whether the publisher's link is up, or slow.
    var publisher: Bool
    /// Whether the subscriber's link is up.
    var subscriber: Bool
    /// Whether this node is subscribed to the topic or is about to be.
    var isWanted: Bool
    /// Whether Redis has confirmed the subscription on the current link.
    var isConfirmed: Bool

    /// Whether the message comes back through Redis to this node's receiver.
    var comesBack: Bool { self.publisher && self.isConfirmed }
    /// Whether the pending answer to SSUBSCRIBE decides if the message comes back.
    var awaitsConfirmation: Bool { self.publisher && self.subscriber && self.isWanted && !self.isConfirmed }
    var isDegraded: Bool { !self.publisher || !self.subscriber || self.isWanted && !self.comesBack }
}

/// A message in the outbox.
struct OutgoingMessage: Sendable {
    let topic: Topic
    /// The sequence of the envelope.
    fileprivate(set) var sequence: UInt64
    /// The encoded envelope.
    var bytes: ByteBuffer
    /// nil when no caller waits.
    var completion: (@Sendable (Result<PublishOutcome, BrokerError>) -> Void)?
    /// Whether a link was down when the message was published, so that this node's receiver may not get it through Redis.
    var isDegraded: Bool
    /// Whether this node was subscribed to the topic, so that its own receiver gets the message.
    let isWanted: Bool
    /// Whether the message gets a position in the topic's log.
    let isLogged: Bool

    /// The same message with another sequence, encoded in `bytes`.
    func renumbered(_ sequence: UInt64, _ bytes: ByteBuffer) -> Self {
        var renumbered = self
        renumbered.sequence = sequence
        renumbered.bytes = bytes
        return renumbered
    }
}

extension NodeMessage {
    /// Whether a node that was disconnected reads it from the log later. Receipts, probes, checks, requests of clients and traces are
    /// useless by then.
    var isWorthLogging: Bool {
        switch self {
        case .publication, .close, .membership, .audience, .drain: true
        case .permission(let request): request.action != .check
        case .receipts, .probe, .transportRequest, .transportAnswer, .trace: false
        }
    }
}
