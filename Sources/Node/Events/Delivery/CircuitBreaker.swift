import NIOCore

/// Stops new events for a handler that is down: after five failures in a row none for 5 s, then one at a time until one succeeds. Later
/// tries of events that have begun before are not stopped, so that they reach a handler that is back. Pure.
struct CircuitBreaker {
    static let maximumFailures = 5
    static let pause = TimeAmount.seconds(5)

    private enum State: Hashable {
        /// - failures: in a row.
        case closed(failures: Int)
        case open(until: NIODeadline)
        /// One request is under way, and decides.
        case probing
    }

    private var state = State.closed(failures: 0)

    /// - Returns: whether the first request of an event may be sent.
    mutating func begin(now: NIODeadline) -> Bool {
        switch self.state {
        case .closed: return true
        case .open(let end):
            guard now >= end else { return false }
            self.state = .probing
            return true
        case .probing: return false
        }
    }

    /// A request has ended: of an event that may begin, or a later try.
    /// - Parameter isOutage: whether it failed because the handler is down.
    mutating func ended(isOutage: Bool, now: NIODeadline) {
        guard isOutage else {
            self.state = .closed(failures: 0)
            return
        }
        switch self.state {
        case .open: break
        case .closed(let failures) where failures + 1 < Self.maximumFailures: self.state = .closed(failures: failures + 1)
        case .closed, .probing: self.state = .open(until: now + Self.pause)
        }
    }
}
