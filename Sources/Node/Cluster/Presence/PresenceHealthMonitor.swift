import Logging
import NIOConcurrencyHelpers

/// The health of this node's entries in the presence store, and since when it holds. Logs changes. Used from any thread.
final class PresenceHealthMonitor: Sendable {
    private struct State {
        var health = PresenceHealth.down(reason: "not registered yet")
        var hasBeenUp = false
        var since: Int64
    }

    private let state: NIOLockedValueBox<State>
    private let logger: Logger
    private let now: @Sendable () -> Int64

    /// - Parameter now: milliseconds since 1970, UTC.
    init(logger: Logger, now: @escaping @Sendable () -> Int64) {
        self.state = NIOLockedValueBox(State(since: now()))
        self.logger = logger
        self.now = now
    }

    var health: PresenceHealth { self.state.withLockedValue { $0.health } }

    /// `since`: when the store went up or down, in milliseconds since 1970, UTC. A new reason for being down does not change it.
    var condition: (health: PresenceHealth, since: Int64) { self.state.withLockedValue { ($0.health, $0.since) } }

    func set(_ health: PresenceHealth) {
        let (before, isFirst) = self.state.withLockedValue { state in
            defer {
                state.health = health
                state.hasBeenUp = state.hasBeenUp || health == .up
            }
            if (health == .up) != (state.health == .up) { state.since = self.now() }
            return (state.health, !state.hasBeenUp)
        }
        guard before != health else { return }
        switch health {
        // The first time, "Presence registered" says the same.
        case .up: self.logger.log(level: isFirst ? .debug : .info, "Presence store answers")
        case .down(let reason):
            // Before the first success this is not an error: links take a moment to connect, and log their own errors.
            self.logger.log(
                level: before == .up ? .error : .debug,
                "Presence store fails",
                metadata: [LogKey.error: "\(reason)"]
            )
        }
    }
}
