import NIOCore
import VolaryProtocol

@testable import VolaryNode

/// Closures in the place of a node.
final class ClosureEvents: WebSocketEvents, @unchecked Sendable {
    // Unchecked: made before the channels, and called on the event loop of each.

    private let onOpened: (Connection, any EventLoop) -> Void
    private let onReceived: (Connection, ClientMessage, @escaping @Sendable () -> Void) -> Void
    private let onClosed: (Connection, any EventLoop) -> Void
    private let onLimitExceeded: (LimitViolation) -> Void
    private let onDropped: (Bool) -> Void
    private let onGoneUnread: () -> Void
    private let node: NodeID
    private let turnQueue: ((any EventLoop) -> TurnQueue)?

    /// - Parameters:
    ///   - node: makes the connections' ids.
    ///   - turns: of an event loop; by default each connection waits for its turns by itself.
    init(
        node: NodeID = EmbeddedWebSocket.node,
        turns: ((any EventLoop) -> TurnQueue)? = nil,
        opened: @escaping (Connection, any EventLoop) -> Void,
        received: @escaping (Connection, ClientMessage, @escaping @Sendable () -> Void) -> Void = { _, _, done in done() },
        closed: @escaping (Connection, any EventLoop) -> Void = { _, _ in },
        limitExceeded: @escaping (LimitViolation) -> Void = { _ in },
        dropped: @escaping (Bool) -> Void = { _ in },
        goneUnread: @escaping () -> Void = {}
    ) {
        self.node = node
        self.turnQueue = turns
        self.onGoneUnread = goneUnread
        self.onOpened = opened
        self.onReceived = received
        self.onClosed = closed
        self.onLimitExceeded = limitExceeded
        self.onDropped = dropped
    }

    func makeID(on eventLoop: any EventLoop) -> ConnectionID { .random(on: self.node, shard: 0) }

    func turns(on eventLoop: any EventLoop) -> TurnQueue { self.turnQueue?(eventLoop) ?? TurnQueue(eventLoop: eventLoop) }

    func goneUnread() { self.onGoneUnread() }

    func opened(_ connection: Connection, on eventLoop: any EventLoop) { self.onOpened(connection, eventLoop) }

    func received(
        _ message: ClientMessage,
        from connection: Connection,
        on eventLoop: any EventLoop,
        done: @escaping @Sendable () -> Void
    ) { self.onReceived(connection, message, done) }

    func closed(_ connection: Connection, on eventLoop: any EventLoop) { self.onClosed(connection, eventLoop) }

    func limitExceeded(_ violation: LimitViolation) { self.onLimitExceeded(violation) }

    func dropped(_ connection: Connection, isFirst: Bool, on eventLoop: any EventLoop) { self.onDropped(isFirst) }
}
