import NIOCore

extension RedisLink {
    /// The state of a link, without clock, randomness and I/O.
    struct StateMachine {
        enum State: Hashable {
            case idle
            /// Waits for the address of a server, connects to it, or performs the handshake.
            case connecting
            case ready(since: NIODeadline)
            /// Waits before it connects again.
            case pausing
            case stopped
        }

        enum LostAction: Hashable {
            /// Connect again after the pause of this attempt, counted from 0.
            case pause(attempt: Int, wasReady: Bool, reasonIsNew: Bool)
            case none
        }

        enum MovedAction: Hashable {
            /// Connect to the server, unless an attempt for it is in progress.
            case connect
            /// Close the connection to the other server, and connect to this one.
            case reconnect
            case none
        }

        /// A link that was up for a shorter time counts as a failed attempt: a server that closes each connection at once would
        /// otherwise be tried without a pause.
        static let stableAfter = TimeAmount.seconds(5)

        private(set) var state = State.idle
        private(set) var reason = "not connected yet"
        private var attempt = 0
        private var lastLoggedReason: String?

        var isReady: Bool {
            if case .ready = self.state { true } else { false }
        }

        /// - Returns: whether to connect.
        mutating func started() -> Bool {
            guard self.state == .idle else { return false }
            self.state = .connecting
            return true
        }

        /// A connection is ready for use.
        /// - Returns: whether it is needed; the link is then up.
        mutating func connected(at now: NIODeadline) -> Bool {
            guard self.state == .connecting else { return false }
            self.state = .ready(since: now)
            self.lastLoggedReason = nil
            return true
        }

        /// The attempt failed, or the connection ended.
        mutating func lost(reason: String, at now: NIODeadline) -> LostAction {
            let wasReady = self.isReady
            switch self.state {
            case .idle, .pausing, .stopped: return .none
            case .connecting: break
            case .ready(let since): if now - since >= Self.stableAfter { self.attempt = 0 }
            }
            self.state = .pausing
            self.reason = reason
            let reasonIsNew = self.lastLoggedReason != reason
            self.lastLoggedReason = reason
            defer { self.attempt += 1 }
            return .pause(attempt: self.attempt, wasReady: wasReady, reasonIsNew: reasonIsNew)
        }

        /// - Returns: whether to connect.
        mutating func pauseEnded() -> Bool {
            guard self.state == .pausing else { return false }
            self.state = .connecting
            return true
        }

        /// The address of the server is known, or has changed. The pauses begin again, since earlier failures concern the old
        /// server.
        /// - Parameter isElsewhere: whether the current connection is to another server.
        mutating func moved(isElsewhere: Bool) -> MovedAction {
            switch self.state {
            case .idle, .stopped: return .none
            case .ready where !isElsewhere: return .none
            case .ready:
                self.attempt = 0
                return .reconnect
            case .connecting, .pausing:
                self.attempt = 0
                self.state = .connecting
                return .connect
            }
        }

        mutating func stop() {
            self.state = .stopped
            self.reason = "shut down"
        }
    }
}
