import NIOCore

extension RedisLink {
    /// Where a link stands: no clock, no randomness, no I/O.
    struct StateMachine {
        enum State: Hashable {
            case idle
            case connecting
            case handshaking
            case ready(since: NIODeadline)
            /// Waits before it connects again.
            case pausing
            case stopped
        }

        enum ConnectedAction: Hashable {
            case shakeHands
            /// The link was stopped meanwhile.
            case close
        }

        enum LostAction: Hashable {
            /// Connect again after the pause that belongs to this attempt, counted from 0.
            case pause(attempt: Int, wasReady: Bool, reasonIsNew: Bool)
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

        mutating func connected() -> ConnectedAction {
            guard self.state == .connecting else { return .close }
            self.state = .handshaking
            return .shakeHands
        }

        /// - Returns: whether the link is up now.
        mutating func handshakeSucceeded(at now: NIODeadline) -> Bool {
            guard self.state == .handshaking else { return false }
            self.state = .ready(since: now)
            self.lastLoggedReason = nil
            return true
        }

        /// The attempt failed, or the connection ended.
        mutating func lost(reason: String, at now: NIODeadline) -> LostAction {
            let wasReady = self.isReady
            switch self.state {
            case .idle, .pausing, .stopped: return .none
            case .connecting, .handshaking: break
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

        mutating func stop() {
            self.state = .stopped
            self.reason = "shut down"
        }
    }
}
