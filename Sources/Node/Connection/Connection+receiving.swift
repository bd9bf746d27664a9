import NIOCore
import VolaryProtocol

/// Messages of the client. Called by the transport.
extension Connection {
    /// Whether the client's messages may be handled. See ``UnfinishedActions``.
    var hasRoom: Bool { !self.input.unfinished.isFull }

    /// Handles the first part of a complete message. Most messages have one part.
    /// - Returns: what is left of the message; nil when it is complete. The transport passes the rest to ``receivedRest(_:)``
    ///   before any other message, within the same limits as a message.
    /// - Throws: why the connection ends. The transport then drops all input and closes the connection.
    func received(_ message: consuming ClientMessage) throws(ProtocolViolation) -> ClientMessage? {
        self.host.observer.messageReceived()
        return try self.takeStep(&message, isFirst: true) ? message : nil
    }

    /// Handles the next part of a message. It counts as a message for the client's rate.
    /// - Returns: what is left of the message; nil when it is complete.
    /// - Throws: as ``received(_:)``.
    func receivedRest(_ rest: consuming ClientMessage) throws(ProtocolViolation) -> ClientMessage? {
        try self.takeStep(&rest, isFirst: false) ? rest : nil
    }

    /// - Parameter isFirst: whether the rate has been checked already.
    /// - Returns: whether the message has further parts.
    private func takeStep(_ message: inout ClientMessage, isFirst: Bool) throws(ProtocolViolation) -> Bool {
        let before = message.byteCount
        let step = try self.session.next(in: &message)
        let rest = message.byteCount
        let hasRest = rest > 0 && rest < before
        if case .wait = step {
            self.input.unfinished.awaitsNext()
            self.input.hasCountedNext = true
            return true
        }
        let isCounted = isFirst || self.input.hasCountedNext
        self.input.hasCountedNext = false
        guard isCounted || self.isWithinRate() else { return hasRest }
        switch step {
        case .action(let action):
            let done = self.completion(of: action, bytes: hasRest ? before - rest : before)
            self.endpoint.application.received(action, from: self, done: done)
        case .reply(let reply): self.send(reply)
        case .acknowledged(let number): self.endpoint.application.acknowledged(number, by: self)
        case .nothing, .wait: break
        }
        return hasRest
    }

    private func completion(of action: ClientAction, bytes: Int) -> ActionCompletion {
        self.input.unfinished.began(bytes: bytes)
        return ActionCompletion(connection: self, ackID: action.ackID, bytes: bytes)
    }

    /// Sends the result of an action. Called once for each result that the client is told, by the ``ActionCompletion``.
    func tell(_ result: ActionResult, ackID: AckID?) {
        self.send(.result(result, ackID: ackID, timestamp: self.host.settings.now()))
        if let violation = self.session.end(after: result) { self.close(.violation(violation)) }
    }

    func finished(bytes: Int) {
        if self.input.unfinished.ended(bytes: bytes) { self.transport.resumeReading() }
    }

    /// Call when a message, a ping or a pong is complete, and for each further part of a message. Above the client's rate, the
    /// connection is closed, or the message or part is dropped. The client is notified of the first of each series of dropped
    /// messages.
    /// - Returns: whether the message or part is to be handled.
    func isWithinRate() -> Bool {
        switch self.input.meter?.completed(now: self.shard.eventLoop.now) {
        case nil, .pass: return true
        case .drop(let isFirst):
            self.host.observer.messageDropped(isFirst: isFirst)
            if isFirst { self.notify("You exceed the rate limit. Some of your messages were dropped.") }
        case .close: self.end(for: .rate)
        }
        return false
    }
}
