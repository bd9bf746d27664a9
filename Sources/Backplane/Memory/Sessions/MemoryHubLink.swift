import DequeModule
import NIOConcurrencyHelpers
import NIOCore
public import VolaryProtocol

/// A ``HubLink`` to a ``MemorySessionStore``. Beyond 64 MiB of events that nobody receives, the link is lost.
public final class MemoryHubLink: HubLink {
    private static let inboxBytes = 64 * 1024 * 1024

    fileprivate struct State {
        var topics: Set<Audience> = []
        var inbox: Deque<HubLinkEvent> = []
        var bytes = 0
        /// Entries that a test loses in silence.
        var losing = 0
    }

    let node: NodeID
    let wake: @Sendable () -> Void
    private let state = NIOLockedValueBox(State())

    init(node: NodeID, wake: @escaping @Sendable () -> Void) {
        self.node = node
        self.wake = wake
    }

    public func subscribe(to topics: [Audience]) {
        let wasEmpty = self.state.withLockedValue { state in
            state.topics.formUnion(topics)
            return state.put(.subscribed(topics))
        }
        if wasEmpty { self.wake() }
    }

    public func unsubscribe(from topics: [Audience]) {
        self.state.withLockedValue { $0.topics.subtract(topics) }
    }

    public func receive(upTo limit: Int) -> [HubLinkEvent] {
        self.state.withLockedValue { state in
            let events = Array(state.inbox.prefix(limit))
            state.inbox.removeFirst(events.count)
            state.bytes -= events.reduce(0) { $0 + $1.bytes }
            return events
        }
    }

    /// Called by the store under its lock.
    /// - Returns: whether the link must be woken.
    func take(_ push: MemoryHub.Push) -> Bool {
        self.state.withLockedValue { state in
            switch push {
            case .topic(let topic, let event):
                guard state.topics.contains(topic) else { return false }
                if state.losing > 0 {
                    state.losing -= 1
                    return false
                }
                return state.putBounded(event)
            case .node(let node, let event): return node == self.node && state.putBounded(event)
            }
        }
    }

    /// For tests.
    var hasEvents: Bool { self.state.withLockedValue { !$0.inbox.isEmpty } }

    /// For tests: the connection is lost, with everything that is on its way.
    func lose() {
        let wasEmpty = self.state.withLockedValue { $0.lose() }
        if wasEmpty { self.wake() }
    }

    /// For tests: the next entry of a topic does not arrive, and nobody is told.
    func loseNextEntry() { self.state.withLockedValue { $0.losing += 1 } }
}

extension MemoryHubLink.State {
    /// - Returns: whether the inbox was empty.
    mutating func put(_ event: HubLinkEvent) -> Bool {
        self.inbox.append(event)
        self.bytes += event.bytes
        return self.inbox.count == 1
    }

    mutating func putBounded(_ event: HubLinkEvent) -> Bool {
        self.bytes + event.bytes > MemoryHubLink.inboxBytes ? self.lose() : self.put(event)
    }

    mutating func lose() -> Bool {
        let wasEmpty = self.inbox.isEmpty
        self.topics = []
        self.inbox = [.lost]
        self.bytes = HubLinkEvent.lost.bytes
        return wasEmpty
    }
}

extension HubLinkEvent {
    /// Bytes of memory, about.
    var bytes: Int {
        switch self {
        case .entry(let entry, _): 32 + entry.bytes
        case .subscribed(let topics): 64 + 48 * topics.count
        case .closed(_, let reason): 96 + reason.utf8.count
        case .mark, .fenced, .lost: 64
        }
    }
}
