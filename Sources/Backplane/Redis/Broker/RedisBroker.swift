public import Logging
import NIOConcurrencyHelpers
public import NIOCore
import ServiceLifecycle
public import VolaryProtocol

/// Carries messages between nodes through Redis' sharded pub/sub, over two connections: one publishes, the other subscribes.
///
/// ``LogKeys`` names the channels. Each topic that a node is subscribed to also has a log, see
/// ``RedisScript/publish``. While both connections are up and the topic's subscription is confirmed, this node's own messages
/// reach its receiver only through Redis, so that all nodes see the same order. Otherwise the receiver gets them at once, and
/// other nodes get them when the publishing connection is up: see ``Broker``. If it is unknown whether Redis has relayed a
/// message, the message is sent again with the same sequence, and receivers drop duplicates. When the script cache of Redis is
/// emptied, pending messages may reach other nodes after later messages of this node.
///
/// A message that Redis refuses is rejected individually, see ``PoisonMessageDetector``. All other messages wait for the link
/// and are sent again.
///
/// ``BrokerHealth/interruptions`` counts losses of the subscribing connection only, because only these keep messages of other
/// nodes from this one. Missed messages are read over the publishing connection.
///
/// **Memory.** All queues are bounded. Messages above a bound are refused or reported. The maxima are: 64 MiB published and not
/// yet taken from the inbox; 64 MiB that Redis has not answered (16 MiB while the link is down), including 4 MiB in the link's
/// buffers; the same 64 MiB and 4 MiB more of messages that have to come back; 16 MiB that wait for a subscription; 4 MiB kept
/// for a fail-over; 64 MiB buffered for all topics that catch up; and pages of logs. This is 300 MiB and some of the largest
/// messages. Only a flood over a Redis that is slow but up comes close to it.
///
/// **Fairness.** Messages are written as Redis answers and as this node's own messages come back, so that a node does not
/// publish faster than it receives. Each sender has a share of each queue, see ``QueueRoom``, and senders take turns, see
/// ``PublishInbox``.
///
/// All work happens on one event loop. The functions may be called from any thread; they only hand over to the loop.
public final class RedisBroker: Broker {
    /// Used on the event loop. This is not an actor with the loop as its executor, for the same reasons as
    /// ``RedisScriptRunner`` and ``MasterResolver``: `publish` and `health` are called from any thread and return at once;
    /// links call their delegate synchronously; and an isolated function that waits for an answer would resume on the loop
    /// before its caller does, which costs one more hop.
    private let shard: NIOLoopBoundBox<BrokerShard>
    private let shared: RedisBrokerShared

    /// - Parameters:
    ///   - configuration: where Redis is, and the prefix of the channels' names.
    ///   - node: the origin of all messages that are published here. New at every start: sequences start at 1.
    ///   - settings: the same on all nodes of the cluster.
    ///   - eventLoop: does all the work; the receiver and completions are called on it.
    ///   - logger: for changes of the links' state and for messages that cannot be decoded. No message is logged.
    public convenience init(
        configuration: RedisConfiguration,
        settings: BrokerSettings = BrokerSettings(),
        node: NodeID,
        eventLoop: any EventLoop,
        logger: Logger
    ) {
        let resolver = MasterResolver(configuration: configuration, eventLoop: eventLoop, logger: logger)
        self.init(resolver: resolver, settings: settings, node: node, logger: logger)
    }

    /// - Parameter resolver: shared by all links of this node to Redis; its event loop does all the work.
    public convenience init(
        resolver: MasterResolver,
        settings: BrokerSettings = BrokerSettings(),
        node: NodeID,
        logger: Logger
    ) {
        self.init(resolver: resolver, settings: settings, node: node, logger: logger, outboxLimits: .init())
    }

    init(
        resolver: MasterResolver,
        settings: BrokerSettings,
        node: NodeID,
        logger: Logger,
        outboxLimits: Outbox<OutgoingMessage>.Limits
    ) {
        let eventLoop = resolver.eventLoop
        let shared = RedisBrokerShared(eventLoop: eventLoop, inboxBytes: outboxLimits.linkedBytes)
        self.shared = shared
        self.shard = .makeBoxSendingValue(
            BrokerShard(
                resolver: resolver,
                settings: settings,
                node: node,
                shared: shared,
                logger: logger,
                outboxLimits: outboxLimits
            ),
            eventLoop: eventLoop
        )
    }

    public var health: BrokerHealth { self.shared.health.withLockedValue { $0 } }

    public func attach(_ receiver: any BrokerReceiver) {
        self.shared.receiver.withLockedValue { $0 = receiver }
    }

    public func publish(
        _ message: NodeMessage,
        to topic: Topic,
        completion: (@Sendable (Result<PublishOutcome, BrokerError>) -> Void)?
    ) {
        guard !self.isClosed else {
            completion?(.failure(.closed))
            return
        }
        let request = PublishRequest(message: message, topic: topic, completion: completion)
        let (hasRoom, count) = self.shared.inbox.withLockedValue { ($0.append(request), $0.count) }
        guard hasRoom else {
            completion?(.failure(.outboxFull))
            return
        }
        // Messages that are appended before the loop takes the first one are taken together with it.
        if count == 1 { self.onLoop { $0.takeInbox() } }
    }

    public func subscribe(to topic: Topic) async throws(BrokerError) {
        guard !self.isClosed else { throw .closed }
        let waiter = SubscriptionWaiter()
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                self.onLoop { $0.subscribe(to: topic, waiter: waiter, continuation: continuation) }
            }
        } onCancel: {
            waiter.cancel()
            self.onLoop { $0.cancelWaiter(waiter, of: topic) }
        }
        try result.get()
    }

    public func unsubscribe(from topic: Topic) async {
        guard !self.isClosed else { return }
        await withCheckedContinuation { continuation in
            self.onLoop { shard in
                shard.unsubscribe(from: topic)
                continuation.resume()
            }
        }
    }

    public func read(
        _ topics: Set<Topic>,
        after position: Position?,
        limit: Int
    ) async throws(HistoryError) -> HistoryPage {
        let hub = HistoryPage.hub(of: topics, limit: limit)
        guard !self.isClosed else { throw .unavailable(reason: "shut down") }
        let result = await withCheckedContinuation { continuation in
            let request = HistoryReader.Request(topics: topics, hub: hub, after: position, limit: limit) {
                continuation.resume(returning: $0)
            }
            self.onLoop { $0.read(request) }
        }
        return try result.get()
    }

    public func run() async throws {
        self.onLoop { $0.start() }
        let flushes: Bool
        do {
            try await gracefulShutdown()
            flushes = true
        } catch {
            flushes = false
        }
        await withCheckedContinuation { continuation in
            self.onLoop { $0.shutDown(flushing: flushes) { continuation.resume() } }
        }
    }

    private var isClosed: Bool { self.shared.isClosed.withLockedValue { $0 } }

    private func onLoop(_ body: @escaping @Sendable (BrokerShard) -> Void) {
        self.shared.eventLoop.execute { body(self.shard.value) }
    }
}
