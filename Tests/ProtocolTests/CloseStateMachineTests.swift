import Testing
import VolaryProtocol

/// Close state machine: one close frame each, then the server closes the transport.
@Suite
struct CloseStateMachineTests {
    private var machine = CloseStateMachine()

    @Test func `An open connection sends and receives`() {
        #expect(self.machine.canSend)
        #expect(self.machine.canReceive)
    }

    @Test mutating func `We close, the peer answers, the transport is closed`() {
        #expect(self.machine.close(code: .serviceRestart, reason: "bye") == .sendClose(code: .serviceRestart, reason: "bye"))
        #expect(!self.machine.canSend)
        #expect(self.machine.canReceive)
        #expect(self.machine.closeReceived(code: .serviceRestart) == .closeTransport)
        #expect(!self.machine.canReceive)
        #expect(self.machine.transportClosed() == .ended(clean: true))
    }

    @Test mutating func `The peer closes, we answer once with its code`() {
        #expect(self.machine.closeReceived(code: .normal) == .echoThenCloseTransport(code: .normal))
        #expect(!self.machine.canSend)
        #expect(!self.machine.canReceive)
        #expect(self.machine.closeReceived(code: .normal) == .ignore)
        #expect(self.machine.close(code: .goingAway, reason: "") == .alreadyClosing)
        #expect(self.machine.transportClosed() == .ended(clean: true))
    }

    @Test mutating func `A close without a code is answered without a code`() {
        #expect(self.machine.closeReceived(code: nil) == .echoThenCloseTransport(code: nil))
    }

    @Test mutating func `We close once`() {
        _ = self.machine.close(code: .normal, reason: "first")
        #expect(self.machine.close(code: .goingAway, reason: "second") == .alreadyClosing)
        #expect(self.machine.canReceive)
    }

    @Test mutating func `Both closing at once is a handshake`() {
        _ = self.machine.close(code: .normal, reason: "")
        #expect(self.machine.closeReceived(code: .goingAway) == .closeTransport)
        #expect(self.machine.transportClosed() == .ended(clean: true))
    }

    @Test mutating func `A violation is told, and no answer awaited`() {
        #expect(
            self.machine.violationFound(.notMasked)
                == .sendCloseThenCloseTransport(code: .protocolError, reason: ProtocolViolation.notMasked.reason)
        )
        #expect(!self.machine.canSend)
        #expect(!self.machine.canReceive)
        #expect(self.machine.violationFound(.notMasked) == .ignore)
        #expect(self.machine.closeReceived(code: nil) == .ignore)
        #expect(self.machine.transportClosed() == .ended(clean: false))
    }

    @Test mutating func `A violation after our close frame sends no second one`() {
        _ = self.machine.close(code: .normal, reason: "")
        #expect(self.machine.violationFound(.textNotUTF8) == .closeTransport)
        #expect(!self.machine.canReceive)
        #expect(self.machine.transportClosed() == .ended(clean: false))
    }

    @Test mutating func `A peer that never answers is cut off`() {
        _ = self.machine.close(code: .normal, reason: "")
        #expect(self.machine.deadlinePassed() == .abortTransport)
        #expect(self.machine.closeReceived(code: .normal) == .ignore)
        #expect(self.machine.transportClosed() == .ended(clean: false))
    }

    @Test mutating func `A peer that never reads our answer is cut off`() {
        _ = self.machine.closeReceived(code: .normal)
        #expect(self.machine.deadlinePassed() == .abortTransport)
        #expect(self.machine.transportClosed() == .ended(clean: false))
    }

    @Test mutating func `A deadline without a close, or after the end, does nothing`() {
        #expect(self.machine.deadlinePassed() == .ignore)
        #expect(self.machine.canSend)
        #expect(self.machine.transportClosed() == .ended(clean: false))
        #expect(self.machine.deadlinePassed() == .ignore)
    }

    @Test mutating func `A transport that is lost ends the connection, uncleanly and once`() {
        _ = self.machine.close(code: .normal, reason: "")
        #expect(self.machine.transportClosed() == .ended(clean: false))
        #expect(self.machine.transportClosed() == .alreadyEnded)
        #expect(!self.machine.canSend)
        #expect(!self.machine.canReceive)
        #expect(self.machine.close(code: .normal, reason: "") == .alreadyClosing)
        #expect(self.machine.closeReceived(code: .normal) == .ignore)
        #expect(self.machine.violationFound(.notMasked) == .ignore)
    }

    // MARK: - The end of the peer's half

    @Test mutating func `A peer that ends its half without a close frame ends the connection, uncleanly and once`() {
        #expect(self.machine.inputEnded() == true)
        #expect(!self.machine.canSend)
        #expect(!self.machine.canReceive)
        #expect(self.machine.inputEnded() == false)
        #expect(self.machine.close(code: .goingAway, reason: "") == .alreadyClosing)
        #expect(self.machine.closeReceived(code: .normal) == .ignore)
        #expect(self.machine.firstFrame == nil)
        #expect(self.machine.transportClosed() == .ended(clean: false))
        #expect(self.machine.inputEnded() == false)
    }

    @Test mutating func `A peer that ends its half with its close frame gets the answer, and the end is clean`() {
        #expect(self.machine.closeReceived(code: .normal) == .echoThenCloseTransport(code: .normal))
        #expect(self.machine.inputEnded() == false)
        #expect(self.machine.transportClosed() == .ended(clean: true))
    }

    @Test mutating func `A peer that ends its half instead of an answer to our close frame ends the connection`() {
        _ = self.machine.close(code: .goingAway, reason: "")
        #expect(self.machine.inputEnded() == true)
        #expect(self.machine.firstFrame?.code == .goingAway)
        #expect(self.machine.firstFrame?.isOurs == true)
        #expect(self.machine.deadlinePassed() == .abortTransport)
        #expect(self.machine.transportClosed() == .ended(clean: false))
    }

    @Test func `In no order of events are two close frames sent, or anything after one`() {
        // All sequences of six of the six events.
        for number in 0..<46_656 {
            var machine = CloseStateMachine()
            var closeFrames = 0
            var rest = number
            for _ in 0..<6 {
                switch rest % 6 {
                case 0: if case .sendClose = machine.close(code: .normal, reason: "") { closeFrames += 1 }
                case 1: if case .echoThenCloseTransport = machine.closeReceived(code: nil) { closeFrames += 1 }
                case 2: if case .sendCloseThenCloseTransport = machine.violationFound(.notMasked) { closeFrames += 1 }
                case 3: _ = machine.deadlinePassed()
                case 4: _ = machine.inputEnded()
                default: _ = machine.transportClosed()
                }
                rest /= 6
                if closeFrames > 1 || (closeFrames == 1 && machine.canSend) { Issue.record("sequence \(number)") }
            }
        }
    }
}
