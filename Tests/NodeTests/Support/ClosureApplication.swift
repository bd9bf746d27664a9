import VolaryProtocol

@testable import VolaryNode

/// An application made of closures.
final class ClosureApplication: Application, @unchecked Sendable {
    // Unchecked: created before the channels, and called on each channel's event loop.

    private let onConnected: (Connection) -> Void
    private let onReceived: (Connection, ClientMessage, @escaping @Sendable () -> Void) -> Void
    private let onDisconnected: (Connection) -> Void

    init(
        connected: @escaping (Connection) -> Void = { _ in },
        received: @escaping (Connection, ClientMessage, @escaping @Sendable () -> Void) -> Void = { _, _, done in done() },
        disconnected: @escaping (Connection) -> Void = { _ in }
    ) {
        self.onConnected = connected
        self.onReceived = received
        self.onDisconnected = disconnected
    }

    func connected(_ connection: Connection, _ request: ConnectRequest) { self.onConnected(connection) }

    func received(_ action: ClientAction, from connection: Connection, done: ActionCompletion) {
        switch action.kind {
        case .message(let message): self.onReceived(connection, message) { done(.success(())) }
        case .join, .leave, .send, .event, .hub: done(.failure(.failed))
        }
    }

    func disconnected(_ connection: Connection) { self.onDisconnected(connection) }
}

/// An observer made of closures, in place of metrics and log.
final class ClosureObserver: ConnectionObserver, @unchecked Sendable {
    // Unchecked: see above.

    private let onLimitExceeded: (LimitViolation) -> Void
    private let onDropped: (Bool) -> Void
    private let onGoneUnread: () -> Void
    private let onClosed: (TransportEnding) -> Void

    init(
        limitExceeded: @escaping (LimitViolation) -> Void = { _ in },
        dropped: @escaping (Bool) -> Void = { _ in },
        goneUnread: @escaping () -> Void = {},
        closed: @escaping (TransportEnding) -> Void = { _ in }
    ) {
        self.onLimitExceeded = limitExceeded
        self.onDropped = dropped
        self.onGoneUnread = goneUnread
        self.onClosed = closed
    }

    func connectionOpened() {}
    func messageReceived() {}
    func limitExceeded(_ violation: LimitViolation) { self.onLimitExceeded(violation) }
    func messageDropped(isFirst: Bool) { self.onDropped(isFirst) }
    func clientGoneUnread() { self.onGoneUnread() }
    func connectionClosed(_ id: ConnectionID, _ ending: TransportEnding) { self.onClosed(ending) }
}
