import VolaryProtocol

/// Connects the brokers of several nodes in one process: the counterpart of a Redis server in memory.
///
/// In production it serves a cluster of one node; tests join several nodes. Publications in a hub with sessions go through the hub's
/// order of ``sessions``, whoever publishes them, and reach sessions and other connections in one order. Publications in a hub
/// without sessions have no place in the logs of sessions, because no session can need them. The last publications of each hub are kept
/// for ``Broker/read(_:after:limit:)``.
public final class MemoryBus: Sendable {
    /// The orders, logs and sessions of the hubs.
    public let sessions: MemorySessionStore
    private let relay: MemoryRelay

    /// - Parameters:
    ///   - settings: what is kept of each hub: its limits are those of a topic in Redis.
    ///   - now: milliseconds since 1970; the clock of the sessions.
    public init(settings: BrokerSettings = BrokerSettings(), now: @escaping @Sendable () -> Int64 = UTCClock.now) {
        let relay = MemoryRelay(settings: settings, now: now)
        self.relay = relay
        self.sessions = MemorySessionStore(relay: relay, now: now)
    }

    func join(_ broker: MemoryBroker) { self.relay.join(broker) }

    func leave(_ node: NodeID) { self.relay.leave(node) }

    func subscribe(_ node: NodeID, to topic: Topic) { self.relay.subscribe(node, to: topic) }

    func unsubscribe(_ node: NodeID, from topic: Topic) { self.relay.unsubscribe(node, from: topic) }

    /// Puts a message into the inboxes of all subscribed brokers, and appends a publication in a hub with sessions to the hub's
    /// order; or does nothing.
    /// - Returns: the number of receivers, those that follow sessions included, and the publication's position; nil when there is no
    ///   room.
    func publish(
        _ message: NodeMessage,
        to topic: Topic,
        from broker: MemoryBroker,
        bytes: Int
    ) -> (receivers: Int, position: Position?)? {
        let (published, woken) = self.relay.publish(message, to: topic, from: broker, bytes: bytes) { self.sessions.append($0) }
        for link in woken { link.wake() }
        return published
    }

    /// See ``Broker/read(_:after:limit:)``.
    func read(_ topics: Set<Topic>, of hub: HubName, after: Position?, limit: Int) -> HistoryPage? {
        self.relay.read(topics, of: hub, after: after, limit: limit) { self.sessions.position(of: $0) }
    }
}
