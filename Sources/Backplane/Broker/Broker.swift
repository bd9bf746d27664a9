public import ServiceLifecycle
public import VolaryProtocol

/// Carries messages between the nodes of a cluster, the publishing node included.
///
/// **Order.** Envelopes of one topic reach every subscribed node in one and the same order. Those of one node arrive in the order
/// of its `publish` calls, across topics, unless some have to be fetched again.
/// **Once.** A node's receiver gets no envelope twice.
/// **Loss.** What a subscribed node misses while its link is down is fetched from the topic's log, as far back as that goes. What is
/// gone is counted and told: ``BrokerReceiver/missed(_:)``, ``BrokerHealth/lost``, ``BrokerHealth/gaps``; so is what comes and cannot be
/// read, as a node of another version may write it. Receipts are not logged, and no loss; with
/// ``BrokerSettings/Delivery/atMostOnce`` nothing is, and each interruption is a gap.
/// **Degraded.** While the link is down, `publish` hands the message to this node's own receiver at once, keeps it in a bounded
/// outbox, and sends it to the other nodes, in order, when the link is back. Own receivers do not get it again then.
///
/// A broker never waits for its user and never blocks it: calls may come from any thread and return at once.
public protocol Broker: Service {
    /// Names the receiver. Called once, before ``run()``; the broker keeps it for as long as it lives.
    func attach(_ receiver: any BrokerReceiver)

    /// Sends to every node subscribed to `topic`, this one included.
    ///
    /// - Parameter completion: called once, on a thread of the broker's, when the broker has taken the message or will not.
    ///   Nil when nobody waits: a failure is then only counted and logged.
    func publish(
        _ message: NodeMessage,
        to topic: Topic,
        completion: (@Sendable (Result<PublishOutcome, BrokerError>) -> Void)?
    )

    /// Returns once later messages on `topic` will be delivered here. Survives lost links: the broker subscribes again by itself.
    /// While the link is down it waits for it, and throws when the caller is cancelled.
    func subscribe(to topic: Topic) async throws(BrokerError)

    /// Ends the subscription. Messages already on their way may still arrive.
    func unsubscribe(from topic: Topic) async

    /// Whether messages flow, from any thread.
    var health: BrokerHealth { get }

    /// Runs until graceful shutdown, which flushes what has been published for at most two seconds, then closes.
    func run() async throws
}

/// What became of a published message.
public enum PublishOutcome: Hashable, Sendable {
    /// The cluster has it. `receivers`: how many nodes were subscribed to the topic, this one included.
    case relayed(receivers: Int)
    /// The link is down in one direction or both. The other nodes have it, or get it when the link is back, if that is before the outbox' age
    /// limit. `here`: this node is subscribed to the topic, and has it.
    case degraded(here: Bool)
}

/// Why a broker did not take a message.
public enum BrokerError: Error, Hashable, Sendable {
    /// The outbox is full (bytes or messages), or has as much of this client as it may have. May be tried again later.
    case outboxFull
    /// Larger than ``VolaryProtocol/Limits/maximumEnvelopeBytes``, or than what Redis takes. Nobody has got it. Must not be tried again.
    case tooLarge
    /// Nobody is subscribed to the topic now, and such topics keep as much as they may, see ``BrokerSettings/idleHistoryBytes``. Nobody has got
    /// it. May be tried again later.
    case idleHistoryFull
    /// Redis refuses this message, and would again. Nobody has got it. Must not be tried again.
    case refused
    /// The broker has been shut down. Must not be tried again.
    case closed
    /// The caller was cancelled while it waited.
    case cancelled
}
