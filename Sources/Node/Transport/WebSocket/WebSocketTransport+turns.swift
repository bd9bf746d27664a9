import NIOCore
import VolaryProtocol

/// One turn: decodes frames and handles messages, until no bytes are left or the turn's budget is used up.
extension WebSocketTransport {
    /// Maximum of bytes given to the decoder at a time: 16 KiB, which holds 2,700 frames without a payload. The decoder does
    /// not check the budget of a turn.
    private static let portionBytes = 16 * 1024
    /// Maximum of bytes that the decoder inflates at a time: 64 KiB, some 100 us.
    private static let inflatedBytes = 64 * 1024

    /// Handles messages and their parts until no input is left, the turn's budget is used up, or the client has too many
    /// unfinished actions. The first one is always handled, because the limits were checked before. All replies are written
    /// together.
    /// - Parameter isQueued: whether this is a turn of the event loop's ``TurnQueue``, which long messages wait for.
    func takeTurn(_ bytes: inout ByteBuffer, _ connection: Connection, isQueued: Bool = false) {
        var budget = TurnBudget()
        self.input.isInTurn = true
        self.cork()
        do throws(ProtocolViolation) {
            var isFirst = true
            while isFirst || self.mayHandle, try self.handleNext(&bytes, &budget, connection, isQueued) {
                isFirst = false
                if self.corkedBytes > TurnBudget.sentBytes { budget.end() }
                guard self.stillCounts else {
                    bytes.clear()
                    self.input.rest = nil
                    break
                }
            }
        } catch {
            bytes.clear()
            self.input.rest = nil
            connection.close(.violation(error))
        }
        if bytes.readableBytes == 0, let ping = self.pings.takeUnanswered() { self.answer(ping) }
        if self.corkedBytes <= TurnBudget.sentBytes { self.uncork() } else { self.queueTurn() }
        self.input.isInTurn = false
        self.input.hasSpentTurn = budget.isSpent
        let isDone = bytes.readableBytes == 0 && self.input.rest == nil
        if !isDone, !budget.isSpent { return connection.input.timeouts.stopsReading() }
        if !isDone { self.queueTurn() }
        self.timeMessage(connection)
    }

    /// Handles the next part of a message, or the next event.
    /// - Returns: false when no input is left or the turn's budget is used up.
    private func handleNext(
        _ bytes: inout ByteBuffer,
        _ budget: inout TurnBudget,
        _ connection: Connection,
        _ isQueued: Bool
    ) throws(ProtocolViolation) -> Bool {
        if let rest = self.input.rest {
            guard isQueued || !rest.isWhole else {
                budget.end()
                return false
            }
            // Room is needed during the closing handshake, too: one message may have any number of parts.
            guard !budget.isSpent, connection.hasRoom else { return false }
            budget.tookPart()
            let left = try rest.isWhole ? connection.received(rest.message) : connection.receivedRest(rest.message)
            rest.isWhole = false
            if let left { rest.message = left } else { self.input.rest = nil }
            return true
        }
        guard let event = try self.next(&bytes, &budget, connection) else { return false }
        self.messageEnded(by: event, connection)
        guard self.isWithinRate(event, connection) else { return true }
        if !isQueued, event.payloadBytes > TurnBudget.undelayedBytes, let message = event.message {
            self.input.rest = PendingInput.Rest(message, isWhole: true)
            budget.end()
            return false
        }
        try self.handle(event, connection)
        return true
    }

    /// - Returns: nil when no bytes are left or the turn's budget is used up.
    private func next(
        _ bytes: inout ByteBuffer,
        _ budget: inout TurnBudget,
        _ connection: Connection
    ) throws(ProtocolViolation) -> MessageDecoder.Event? {
        while bytes.readableBytes > 0, !budget.isSpent {
            let (before, framesBefore) = (bytes.readableBytes, self.decoder.frameCount)
            var inflating = Self.inflatedBytes
            let event: MessageDecoder.Event?
            if before <= Self.portionBytes {
                event = try self.decoder.next(&bytes, inflating: &inflating)
            } else {
                guard var portion = bytes.getSlice(at: bytes.readerIndex, length: Self.portionBytes) else { return nil }
                event = try self.decoder.next(&portion, inflating: &inflating)
                bytes.moveReaderIndex(forwardBy: Self.portionBytes - portion.readableBytes)
            }
            let used = before - bytes.readableBytes
            connection.input.meter?.read(used)
            let inflated = Self.inflatedBytes - inflating
            budget.read(frames: Int(self.decoder.frameCount &- framesBefore), bytes: used, inflated: inflated)
            if let event {
                budget.completed(bytes: event.payloadBytes)
                return event
            }
            // The decoder ignores bytes after the last frame.
            if used == 0, inflated == 0 { bytes.clear() }
        }
        return nil
    }

    /// Whether the remaining bytes are still handled. They are not after a close frame or a violation. The bytes of a client
    /// that has disconnected are handled until its connection is closed.
    private var stillCounts: Bool { self.isClosed ? !self.closing.isDismissed : self.canReceive }

    private func handle(_ event: MessageDecoder.Event, _ connection: Connection) throws(ProtocolViolation) {
        switch event {
        case .text(let text): try self.pass(.text(text), to: connection)
        case .binary(let bytes): try self.pass(.binary(bytes), to: connection)
        case .ping(let payload): if let ping = self.pings.received(payload) { self.answer(ping) }
        case .pong: break
        case .close(let code, let reason):
            connection.state.events?.ends(for: reason)
            self.closeReceived(code: code)
        }
    }

    private func pass(_ message: consuming ClientMessage, to connection: Connection) throws(ProtocolViolation) {
        if let rest = try connection.received(message) { self.input.rest = PendingInput.Rest(rest) }
    }

    private func answer(_ ping: ByteBuffer) { self.writeControl(FrameEncoder.encode(opcode: .pong, payload: ping)) }

    // MARK: - Limits

    private func messageEnded(by event: MessageDecoder.Event, _ connection: Connection) {
        switch event {
        case .text, .binary: connection.input.timeouts.sawMessage()
        case .ping, .pong, .close: if self.decoder.isInMessage { return }
        }
        connection.input.timeouts.messageIsOver()
    }

    private func isWithinRate(_ event: MessageDecoder.Event, _ connection: Connection) -> Bool {
        if case .close = event { return true }
        return connection.isWithinRate()
    }

    /// Starts the message timeout at the first turn that ends inside a message.
    func timeMessage(_ connection: Connection) {
        if self.decoder.isIncomplete {
            connection.input.timeouts.messageIsIncomplete(now: connection.shard.eventLoop.now)
        } else {
            connection.input.timeouts.messageIsOver()
        }
    }
}

extension MessageDecoder.Event {
    fileprivate var message: ClientMessage? {
        switch self {
        case .text(let text): .text(text)
        case .binary(let bytes): .binary(bytes)
        case .ping, .pong, .close: nil
        }
    }

    fileprivate var payloadBytes: Int {
        switch self {
        case .text(let bytes), .binary(let bytes), .ping(let bytes), .pong(let bytes): bytes.readableBytes
        case .close: 0
        }
    }
}
