import DequeModule
import Logging
import NIOConcurrencyHelpers
import NIOCore
public import VolaryProtocol

/// A ``HubLink`` to a ``RedisSessionStore``: a connection to Redis of its own, for one node and one hub. Redis pushes in the order in
/// which it executes scripts, so one unbroken connection proves the order.
///
/// It reconnects by itself. Subscriptions that are asked for meanwhile are made when it stands. Beyond 64 MiB of events that nobody
/// receives, and after a message that this node cannot read, it counts as lost and connects again.
public final class RedisHubLink: HubLink {
    private let inbox: HubLinkInbox
    private let core: NIOLoopBoundBox<RedisHubLinkCore>
    private let eventLoop: any EventLoop

    init(
        to hub: HubName,
        for node: NodeID,
        resolver: MasterResolver,
        logger: Logger,
        wake: @escaping @Sendable () -> Void
    ) {
        let inbox = HubLinkInbox(wake: wake)
        let keys = SessionKeys(hub, RedisNames(prefix: resolver.configuration.keyPrefix))
        self.inbox = inbox
        self.eventLoop = resolver.eventLoop
        self.core = .makeBoxSendingValue(
            RedisHubLinkCore(node: node, keys: keys, inbox: inbox, resolver: resolver, logger: logger),
            eventLoop: resolver.eventLoop
        )
    }

    func start() {
        self.eventLoop.execute { self.core.value.start() }
    }

    func stop() {
        self.eventLoop.execute { self.core.value.stop() }
    }

    public func subscribe(to topics: [Audience]) {
        self.eventLoop.execute { self.core.value.subscribe(to: topics) }
    }

    public func unsubscribe(from topics: [Audience]) {
        self.eventLoop.execute { self.core.value.unsubscribe(from: topics) }
    }

    public func receive(upTo limit: Int) -> [HubLinkEvent] { self.inbox.take(limit) }

    // MARK: - For tests

    var hasEvents: Bool { !self.inbox.isEmpty }

    /// The connection is lost, with everything that is on its way.
    func lose() {
        self.eventLoop.execute { self.core.value.lose(reason: "test") }
    }

    /// Waits until everything has arrived that Redis has pushed before.
    /// - Returns: false while there is no connection.
    func synchronize() async -> Bool {
        await withCheckedContinuation { continuation in
            self.eventLoop.execute { self.core.value.synchronize { continuation.resume(returning: $0) } }
        }
    }
}

/// Events that a link has heard and nobody has received yet. Thread-safe.
final class HubLinkInbox: Sendable {
    private static let maximumBytes = 64 * 1024 * 1024

    private struct State {
        var events: Deque<HubLinkEvent> = []
        var bytes = 0
    }

    private let wake: @Sendable () -> Void
    private let state = NIOLockedValueBox(State())

    init(wake: @escaping @Sendable () -> Void) {
        self.wake = wake
    }

    var isEmpty: Bool { self.state.withLockedValue { $0.events.isEmpty } }

    func take(_ limit: Int) -> [HubLinkEvent] {
        self.state.withLockedValue { state in
            let events = Array(state.events.prefix(limit))
            state.events.removeFirst(events.count)
            state.bytes -= events.reduce(0) { $0 + $1.bytes }
            return events
        }
    }

    /// - Returns: false if there is no room.
    func put(_ event: HubLinkEvent) -> Bool {
        let wasEmpty: Bool? = self.state.withLockedValue { state in
            guard state.bytes + event.bytes <= Self.maximumBytes else { return nil }
            state.events.append(event)
            state.bytes += event.bytes
            return state.events.count == 1
        }
        if wasEmpty == true { self.wake() }
        return wasEmpty != nil
    }

    /// Nothing that was not received counts any more.
    func lose() {
        let wasEmpty = self.state.withLockedValue { state in
            defer { (state.events, state.bytes) = ([.lost], HubLinkEvent.lost.bytes) }
            return state.events.isEmpty
        }
        if wasEmpty { self.wake() }
    }
}
