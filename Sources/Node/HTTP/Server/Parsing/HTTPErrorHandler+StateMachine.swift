extension HTTPErrorHandler {
    /// What is wrong with a request that no route can answer.
    enum Fault: Error, Hashable {
        /// Not HTTP/1, or a body that does not match its head.
        case malformed
        /// The head exceeds the limits of ``HTTPSettings``.
        case headerTooLarge
        /// A header field has bytes that are not ASCII, which its standard does not permit.
        case notASCII(field: String)
        /// RFC 9112 section 3.2: a request of HTTP/1.1 has exactly one `Host` field, with a valid value.
        case badHost
        /// The body did not arrive in time.
        case slowBody
        /// The declared length exceeds 64 bits.
        case bodyTooLarge
        /// A CONNECT request, which asks for a tunnel. The bytes that follow are not HTTP.
        case tunnel
    }

    /// Counts unanswered requests, and decides when the answer to an invalid request is written.
    struct StateMachine {
        /// What to do about an invalid request.
        enum Action: Hashable {
            case nothing
            /// Write the answer now. It is the last one.
            case answer(Fault)
            /// A route is answering the incomplete request. Report to it that the rest will not come.
            case failRequest
            /// All requests are answered. End the connection.
            case end
        }

        /// Number of requests that were passed on and are not completely answered.
        private var unanswered = 0
        /// Whether the last request that was passed on is incomplete.
        private var isIncomplete = false
        /// Whether all further parts are ignored.
        private var isBroken = false
        /// The fault whose answer is written after all other answers.
        private var pendingFault: Fault?
        /// Whether the last answer has been written.
        private(set) var isEnded = false

        /// - Returns: whether the part is passed on.
        mutating func receivedHead() -> Bool {
            guard !self.isBroken else { return false }
            self.unanswered += 1
            self.isIncomplete = true
            return true
        }

        /// - Returns: whether the part is passed on.
        func receivedBody() -> Bool { !self.isBroken }

        /// - Returns: whether the part is passed on.
        mutating func receivedEnd() -> Bool {
            guard !self.isBroken else { return false }
            self.isIncomplete = false
            return true
        }

        /// Call for a head that is not passed on, or when the decoder has failed.
        mutating func received(_ fault: Fault) -> Action {
            guard !self.isBroken else { return .nothing }
            self.isBroken = true
            if self.isIncomplete {
                guard self.unanswered == 0 else { return .failRequest }
                self.isEnded = true
                return .end
            }
            guard self.unanswered == 0 else {
                self.pendingFault = fault
                return .nothing
            }
            self.isEnded = true
            return .answer(fault)
        }

        /// Call when the answer to a request that was passed on has been written completely.
        mutating func answered() -> Action {
            self.unanswered -= 1
            guard self.isBroken, self.unanswered <= 0, !self.isEnded else { return .nothing }
            self.isEnded = true
            return self.pendingFault.map { .answer($0) } ?? .end
        }
    }
}
