import NIOConcurrencyHelpers
import VolaryProtocol

/// The inboxes of the brokers of a ``MemoryBus``, and the lock that gives their envelopes one order.
///
/// The lock may be held while a session store's lock is taken, and not the other way around.
final class MemoryRelay: Sendable {
    private struct Member {
        let broker: MemoryBroker
        var topics: Set<Topic> = []
    }

    private struct State {
        var members: [NodeID: Member] = [:]
        /// Hubs that have, or had, sessions.
        var orderedHubs: Set<HubName> = []
        /// Of the last publication outside of these hubs. One order of all hubs is an order of each. A hub's own order begins behind it.
        var position = Position(epoch: UInt64(max(UTCClock.now() - 1, 1)), number: HubHead.firstNumber(at: UTCClock.now()))
        /// Nil if nothing is logged.
        var history: MemoryHistory?

        init(_ settings: BrokerSettings) {
            if settings.delivery == .logged { self.history = MemoryHistory(settings, after: self.position) }
        }

        mutating func nextPosition() -> Position {
            self.position = Position(epoch: self.position.epoch, number: self.position.number + 1)
            return self.position
        }

        /// - Returns: the position that the message is known by; nil for a message that no hub's history can have.
        mutating func log(_ message: NodeMessage, on topic: Topic, at position: Position, now: Int64) -> Position? {
            guard topic.hub != nil, self.history != nil else { return nil }
            if case .publication(let publication) = message { self.history?.append(publication, at: position, now: now) }
            return position
        }

        /// The brokers to wake; nil when an inbox is full, and then no inbox has the envelope.
        func receivers(of topic: Topic, bytes: Int) -> [MemoryBroker]? {
            let receivers = self.members.values.filter { $0.topics.contains(topic) }.map(\.broker)
            return receivers.allSatisfy { $0.inboxHasRoom(for: bytes) } ? receivers : nil
        }
    }

    /// What the order of a hub made of a publication.
    enum Ordered {
        /// The publication has a number, and is logged if the hub has sessions.
        /// - receivers: how many links it was put into.
        case appended(at: Position, receivers: Int, woken: [MemoryHubLink])
        /// A limit of the hub is reached.
        case full
    }

    private let now: @Sendable () -> Int64
    private let state: NIOLockedValueBox<State>

    /// - Parameter now: milliseconds since 1970.
    init(settings: BrokerSettings = BrokerSettings(), now: @escaping @Sendable () -> Int64 = UTCClock.now) {
        self.now = now
        self.state = NIOLockedValueBox(State(settings))
    }

    func join(_ broker: MemoryBroker) { self.state.withLockedValue { $0.members[broker.node] = Member(broker: broker) } }

    func leave(_ node: NodeID) { self.state.withLockedValue { _ = $0.members.removeValue(forKey: node) } }

    func subscribe(_ node: NodeID, to topic: Topic) {
        self.state.withLockedValue { _ = $0.members[node]?.topics.insert(topic) }
    }

    func unsubscribe(_ node: NodeID, from topic: Topic) {
        self.state.withLockedValue { _ = $0.members[node]?.topics.remove(topic) }
    }

    /// See ``MemoryBus/publish(_:to:from:bytes:)``.
    /// - Parameter order: called under the lock for a publication in a hub that has, or had, sessions.
    /// - Returns: the links to wake, too.
    func publish(
        _ message: NodeMessage,
        to topic: Topic,
        from broker: MemoryBroker,
        bytes: Int,
        order: (Publication) -> Ordered
    ) -> (published: (receivers: Int, position: Position?)?, woken: [MemoryHubLink]) {
        let now = self.now()
        let (published, woken, toWake) = self.state.withLockedValue {
            state -> ((Int, Position?)?, [MemoryHubLink], [MemoryBroker]) in
            guard let receivers = state.receivers(of: topic, bytes: bytes) else { return (nil, [], []) }
            var (followers, woken) = (0, [MemoryHubLink]())
            let place: Position
            // What is for one connection goes through its session, if it has one, and then not through a broker.
            if !state.orderedHubs.isEmpty, topic.hub != nil, case .publication(let publication) = message,
                state.orderedHubs.contains(publication.hub)
            {
                switch order(publication) {
                case .appended(let at, let count, let links): (place, followers, woken) = (at, count, links)
                case .full: return (nil, [], [])
                }
            } else {
                place = state.nextPosition()
            }
            let position = state.log(message, on: topic, at: place, now: now)
            guard !receivers.isEmpty else { return ((followers, position), woken, []) }
            var envelope = broker.makeEnvelope(message)
            envelope.position = position
            let toWake = receivers.filter { $0.enqueue(envelope, bytes: bytes) }
            return ((receivers.count + followers, position), woken, toWake)
        }
        for broker in toWake { broker.wake() }
        return (published, woken)
    }

    /// See ``Broker/read(_:after:limit:)``.
    /// - Parameter position: called under the lock; the position of a hub that has, or had, sessions.
    /// - Returns: nil if nothing is logged.
    func read(
        _ topics: Set<Topic>,
        of hub: HubName,
        after: Position?,
        limit: Int,
        position: (HubName) -> Position?
    ) -> HistoryPage? {
        let now = self.now()
        return self.state.withLockedValue { state in
            let ordered = state.orderedHubs.contains(hub) ? position(hub) : nil
            let end = ordered ?? state.position
            return state.history?.read(topics, of: hub, after: after, limit: limit, end: end, now: now)
        }
    }

    // MARK: - Called by the session store

    /// Runs a script that publishes, and puts the publication into the inboxes of the subscribed brokers in the same order.
    /// - Parameter execute: called under the lock. Returns the publication's position, if it was appended.
    /// - Returns: nil when an inbox is full; nothing was executed then.
    func publish<Result>(
        _ publication: Publication,
        from node: NodeID,
        _ execute: () -> (result: Result, position: Position?)
    ) -> Result? {
        let now = self.now()
        let message = NodeMessage.publication(publication)
        let bytes = MemoryBroker.bytes(of: message)
        let (result, toWake) = self.state.withLockedValue { state -> (Result?, [MemoryBroker]) in
            guard let receivers = state.receivers(of: publication.topic, bytes: bytes) else { return (nil, []) }
            let (result, place) = execute()
            guard let place else { return (result, []) }
            let position = state.log(message, on: publication.topic, at: place, now: now)
            guard !receivers.isEmpty else { return (result, []) }
            var envelope =
                state.members[node]?.broker.makeEnvelope(message) ?? Envelope(origin: node, sequence: 0, message: message)
            envelope.position = position
            return (result, receivers.filter { $0.enqueue(envelope, bytes: bytes) })
        }
        for broker in toWake { broker.wake() }
        return result
    }

    /// Runs a script that creates a session. From then on the publications in its hub go through the hub's order.
    func order<Result>(_ hub: HubName, _ execute: () -> Result) -> Result {
        self.state.withLockedValue { state in
            state.orderedHubs.insert(hub)
            return execute()
        }
    }
}
