import Testing

@testable import VolaryNode

/// The order of the answer to an invalid request.
@Suite
struct HTTPErrorOrderTests {
    private typealias Machine = HTTPErrorHandler.StateMachine

    /// Passes on a complete request.
    private func receive(_ machine: inout Machine) {
        let isPassedOn = [machine.receivedHead(), machine.receivedBody(), machine.receivedEnd()]
        #expect(isPassedOn == [true, true, true])
    }

    private func receiveHead(_ machine: inout Machine) {
        let isPassedOn = machine.receivedHead()
        #expect(isPassedOn)
    }

    private func expect(_ action: Machine.Action, _ expected: Machine.Action, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(action == expected, sourceLocation: sourceLocation)
    }

    @Test func `First on a connection, it is answered at once`() {
        var machine = Machine()
        self.expect(machine.received(.malformed), .answer(.malformed))
        #expect(machine.isEnded)
    }

    @Test func `Behind others, it waits for all their answers`() {
        var machine = Machine()
        self.receive(&machine)
        self.receive(&machine)
        self.expect(machine.received(.badHost), .nothing)
        self.expect(machine.answered(), .nothing)
        self.expect(machine.answered(), .answer(.badHost))
        #expect(machine.isEnded)
    }

    @Test func `Between requests, it does not wait`() {
        var machine = Machine()
        self.receive(&machine)
        self.expect(machine.answered(), .nothing)
        self.expect(machine.received(.malformed), .answer(.malformed))
    }

    @Test func `In a body, its route answers, and the connection ends with that`() {
        var machine = Machine()
        self.receiveHead(&machine)
        self.expect(machine.received(.malformed), .failRequest)
        #expect(!machine.isEnded)
        self.expect(machine.answered(), .end)
    }

    @Test func `In a body that nobody waited for, there is nothing more to say`() {
        var machine = Machine()
        self.receiveHead(&machine)
        self.expect(machine.answered(), .nothing)
        self.expect(machine.received(.malformed), .end)
    }

    @Test func `What follows it is not taken, and a second fault changes nothing`() {
        var machine = Machine()
        self.receive(&machine)
        self.expect(machine.received(.tunnel), .nothing)
        let isPassedOn = [machine.receivedHead(), machine.receivedBody(), machine.receivedEnd()]
        #expect(isPassedOn == [false, false, false])
        self.expect(machine.received(.malformed), .nothing)
        self.expect(machine.answered(), .answer(.tunnel))
    }

    @Test func `While all is well, nothing happens`() {
        var machine = Machine()
        for _ in 0..<3 {
            self.receive(&machine)
            self.expect(machine.answered(), .nothing)
        }
        #expect(!machine.isEnded)
    }
}
