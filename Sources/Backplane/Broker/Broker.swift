public import ServiceLifecycle
public import VolaryProtocol

/// Carries messages between the nodes of a cluster, including the publishing node.
///
/// **Order.** Envelopes of one topic reach every subscribed node in the same order. Envelopes of a hub's topics have one order, too, also
/// those that a node missed and reads from the logs later, unless that takes too long: then they have no position. Envelopes of one
/// node arrive in the order of its `publish` calls, across the topics of a hub.
///
/// **Once.** The receiver of a node gets no envelope twice.
///
/// **Loss.** What a subscribed node misses while its link is down is read from the topic's log, as far back as the log goes.
/// Messages that the log no longer has are counted and reported: ``BrokerReceiver/missed(_:)``, ``BrokerHealth/lost``,
/// ``BrokerHealth/gaps``. The same holds for messages that this node cannot decode, for example of a node of another version.
/// Receipts are not logged and are not counted as loss. With ``BrokerSettings/Delivery/atMostOnce`` nothing is logged, and each
/// interruption is a gap.
///
/// **Degraded mode.** While the link is down, `publish` gives the message to this node's own receiver at once and keeps it in a
/// bounded outbox. When the link is back, the broker sends it to the other nodes in order; the own receiver does not get it
/// again.
///
/// The methods do not block, and may be called from any thread.
public protocol Broker: Service {
    /// Sets the receiver. Called once, before ``run()``. The broker keeps a strong reference to it.
    func attach(_ receiver: any BrokerReceiver)

    /// Sends to every node that is subscribed to `topic`, including this one.
    ///
    /// - Parameter completion: called once, on a thread of the broker, when the broker has accepted or refused the message. If
    ///   it is nil, a failure is only counted and logged.
    func publish(
        _ message: NodeMessage,
        to topic: Topic,
        completion: (@Sendable (Result<PublishOutcome, BrokerError>) -> Void)?
    )

    /// Returns once later messages on `topic` will be delivered here. After a lost link the broker subscribes again by itself.
    /// While the link is down, the call waits for it, and throws when its task is cancelled.
    func subscribe(to topic: Topic) async throws(BrokerError)

    /// Ends the subscription. Messages that are already on their way may still arrive.
    func unsubscribe(from topic: Topic) async

    /// Reads publications behind a position from the logs of topics, in the order of their hub.
    ///
    /// Positions are those that ``PublishOutcome`` and delivered envelopes have. Whoever reads up to the last page after ``subscribe(to:)``
    /// has returned, and then takes the envelopes with a position above ``HistoryPage/through``, misses nothing.
    ///
    /// - Parameters:
    ///   - topics: at least one and at most ``HistoryPage/maximumTopics``, all of one hub.
    ///   - position: of any epoch, and not trusted. Nil: from the start of the logs.
    ///   - limit: the most publications, 1 to ``HistoryPage/maximumPublications``; 0 only asks for the position of the hub.
    func read(_ topics: Set<Topic>, after position: Position?, limit: Int) async throws(HistoryError) -> HistoryPage

    /// Whether messages flow. May be read from any thread.
    var health: BrokerHealth { get }

    /// Runs until graceful shutdown. Then it sends what has been published, for at most two seconds, and closes.
    func run() async throws
}

/// The result of publishing a message.
public enum PublishOutcome: Hashable, Sendable {
    /// The message was relayed to the cluster. `receivers`: how many nodes were subscribed to the topic, including this one. `at`:
    /// its place in the order of its hub; nil for a node's own topic, for messages that are not logged, and where it is not known
    /// because the message was repeated after its answer was lost.
    case relayed(receivers: Int, at: Position? = nil)
    /// The link is down in one or both directions. The other nodes have the message, or get it when the link is back, unless the
    /// age limit of the outbox expires before that. `here`: whether this node is subscribed to the topic, and so has the message.
    case degraded(here: Bool)
}

/// Why a broker did not accept a message.
public enum BrokerError: Error, Hashable, Sendable {
    /// The outbox is full (bytes or messages), or this client has used its share of it. A retry may succeed.
    case outboxFull
    /// Larger than ``VolaryProtocol/Limits/maximumEnvelopeBytes``, or than Redis accepts. No node has received it. Do not retry.
    case tooLarge
    /// No node is subscribed to the topic now, and the logs of such topics are at their limit, see
    /// ``BrokerSettings/idleHistoryBytes``. No node has received the message. A retry may succeed.
    case idleHistoryFull
    /// Redis refuses this message and would refuse it again. No node has received it. Do not retry.
    case refused
    /// The broker has been shut down. Do not retry.
    case closed
    /// The task was cancelled while it waited.
    case cancelled
}
