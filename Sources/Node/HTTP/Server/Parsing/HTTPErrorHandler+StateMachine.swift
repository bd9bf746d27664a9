extension HTTPErrorHandler {
    /// What is wrong with a request before any route can be asked.
    enum Fault: Error, Hashable {
        /// Not HTTP/1, or a body that does not hold what its head promises.
        case malformed
        /// Past the limits of ``HTTPSettings``.
        case headerTooLarge
        /// A field has other bytes, and its standard has none of these.
        case notASCII(field: String)
        /// RFC 9112 section 3.2: a request of HTTP/1.1 has one `Host`, exactly, and a good one.
        case badHost
        /// The body did not arrive in time.
        case slowBody
        /// Its length has more than 64 bits.
        case bodyTooLarge
        /// A tunnel is asked for; nothing that follows is HTTP.
        case tunnel
    }

    /// Which answers a connection still owes, and where the one to a bad request has its turn.
    struct StateMachine {
        /// What is to be done about a bad request.
        enum Action: Hashable {
            case nothing
            /// The fault's answer is written now; it is the last.
            case answer(Fault)
            /// The request that is coming in is being answered by its route, which must hear that the rest will not come.
            case failRequest
            /// Everything is answered: the connection ends.
            case end
        }

        /// Passed on, and not answered to the end.
        private var unanswered = 0
        /// The last request passed on is not whole yet.
        private var isIncomplete = false
        /// Nothing is taken any more.
        private var isBroken = false
        /// The answer that is written when all others are.
        private var owed: Fault?
        /// The last answer has been written.
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

        /// A head that is not passed on, or a decoder that gave up.
        mutating func received(_ fault: Fault) -> Action {
            guard !self.isBroken else { return .nothing }
            self.isBroken = true
            if self.isIncomplete {
                guard self.unanswered == 0 else { return .failRequest }
                self.isEnded = true
                return .end
            }
            guard self.unanswered == 0 else {
                self.owed = fault
                return .nothing
            }
            self.isEnded = true
            return .answer(fault)
        }

        /// An answer to a request that was passed on has been written to its end.
        mutating func answered() -> Action {
            self.unanswered -= 1
            guard self.isBroken, self.unanswered <= 0, !self.isEnded else { return .nothing }
            self.isEnded = true
            return self.owed.map { .answer($0) } ?? .end
        }
    }
}
