import NIOCore

extension RedisLink {
    /// Where a link stands: no clock, no randomness, no I/O.
    struct StateMachine {
        enum State: Hashable {
            case idle
            /// Waits to be told a server, dials it, or shakes hands with it.
            case connecting
            case ready(since: NIODeadline)
            /// Waits before it connects again.
            case pausing
            case stopped
        }

        enum LostAction: Hashable {
            /// Connect again after the pause that belongs to this attempt, counted from 0.
            case pause(attempt: Int, wasReady: Bool, reasonIsNew: Bool)
            case none
        }

        enum MovedAction: Hashable {
            /// Dial the server, unless that is under way.
            case connect
            /// Give up the connection to another server.
            case drop
            case none
        }

        /// A link that was up for less counts as a failed attempt: what drops it at once would else be dialled without a pause.
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

        /// There is a connection that is ready for use.
        /// - Returns: whether it is wanted; the link is up then.
        mutating func dialed(at now: NIODeadline) -> Bool {
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

        /// The server to be linked to has become known, or is another one. What failed with the old one does not slow down the new one.
        /// - Parameter isElsewhere: whether what the link has is a connection to another server.
        mutating func moved(isElsewhere: Bool) -> MovedAction {
            switch self.state {
            case .idle, .stopped: return .none
            case .ready where !isElsewhere: return .none
            case .ready:
                self.attempt = 0
                return .drop
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
