import NIOCore
import VolaryProtocol

/// The closing handshake (RFC 6455 section 7): carries out the decisions of ``CloseStateMachine``.
extension WebSocketTransport {
    var ending: TransportEnding { self.closing.ending }

    func close(_ reason: CloseReason) {
        switch reason {
        case .close(let code, let reason):
            self.dropLeftovers()
            self.beginClosing(code: code, reason: reason)
        case .dismissal(let code, let reason, _):
            self.dropLeftovers()
            self.closing.dismiss()
            self.beginClosing(code: code, reason: reason)
        case .violation(let violation):
            self.violationFound(violation)
        case .cut:
            self.closing.isCut = true
            self.dropLeftovers()
            self.cutChannel()
        }
    }

    private func beginClosing(code: CloseCode, reason: String) {
        guard case .sendClose(let code, let reason) = self.closing.machine.close(code: code, reason: reason) else { return }
        self.sendClose(code: code, reason: reason, thenFinish: false)
    }

    func violationFound(_ violation: ProtocolViolation) {
        switch self.closing.machine.violationFound(violation) {
        case .sendCloseThenCloseTransport(let code, let reason): self.sendClose(code: code, reason: reason, thenFinish: true)
        case .closeTransport: self.closeOutput()
        case .ignore: break
        }
    }

    func closeReceived(code: CloseCode?) {
        switch self.closing.machine.closeReceived(code: code) {
        case .echoThenCloseTransport(let code): self.sendClose(code: code, reason: "", thenFinish: true)
        case .closeTransport: self.closeOutput()
        case .ignore: break
        }
    }

    /// Whether frames from the client are still handled.
    var canReceive: Bool { self.closing.machine.canReceive && !self.isClosed }

    private func sendClose(code: CloseCode?, reason: String, thenFinish: Bool) {
        guard !self.isClosed else { return }
        self.cutAfterDeadline()
        self.writeClose(FrameEncoder.close(code: code, reason: reason), sent: thenFinish ? { self.closeOutput() } : nil)
        // The client's close frame has to be read even if back-pressure has paused reading.
        self.askToRead()
    }

    /// The client has ended its half of a stream. Browsers do so with their close frame, so the messages before it are handled, and
    /// the answer to the close frame is sent. Then the node ends its half, at the latest after
    /// ``WebSocketSettings/closeTimeout``.
    func inputEnded() {
        guard !self.input.isEnded, !self.isClosed else { return }
        self.input.isEnded = true
        self.cutAfterDeadline()
        self.settle()
    }

    /// Closes the socket of a client that does not answer the close frame within ``WebSocketSettings/closeTimeout``.
    private func cutAfterDeadline() {
        guard let eventLoop = self.connection?.shard.eventLoop else { return }
        let deadline = eventLoop.assumeIsolated().scheduleTask(in: self.settings.closeTimeout) {
            guard self.input.isEnded || self.closing.machine.deadlinePassed() == .abortTransport else { return }
            self.close(.cut)
        }
        self.whenClosed { deadline.cancel() }
    }
}
