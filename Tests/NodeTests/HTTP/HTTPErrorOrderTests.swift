import Testing

@testable import Node

@Suite("A bad request has its turn")
struct HTTPErrorOrderTests {
    private typealias Machine = HTTPErrorHandler.StateMachine

    /// A whole request is passed on.
    private func receive(_ machine: inout Machine) {
        #expect(machine.receivedHead() && machine.receivedBody() && machine.receivedEnd())
    }

    @Test func `First on a connection, it is answered at once`() {
        var machine = Machine()
        #expect(machine.received(.malformed) == .answer(.malformed))
        #expect(machine.isEnded)
    }

    @Test func `Behind others, it waits for all their answers`() {
        var machine = Machine()
        self.receive(&machine)
        self.receive(&machine)
        #expect(machine.received(.hostMissing) == .nothing)
        #expect(machine.answered() == .nothing)
        #expect(machine.answered() == .answer(.hostMissing))
        #expect(machine.isEnded)
    }

    @Test func `Between requests, it does not wait`() {
        var machine = Machine()
        self.receive(&machine)
        #expect(machine.answered() == .nothing)
        #expect(machine.received(.malformed) == .answer(.malformed))
    }

    @Test func `In a body, its route answers, and the connection ends with that`() {
        var machine = Machine()
        #expect(machine.receivedHead())
        #expect(machine.received(.malformed) == .failRequest)
        #expect(!machine.isEnded)
        #expect(machine.answered() == .end)
    }

    @Test func `In a body that nobody waited for, there is nothing more to say`() {
        var machine = Machine()
        #expect(machine.receivedHead())
        #expect(machine.answered() == .nothing)
        #expect(machine.received(.malformed) == .end)
    }

    @Test func `What follows it is not taken, and a second fault changes nothing`() {
        var machine = Machine()
        self.receive(&machine)
        #expect(machine.received(.tunnel) == .nothing)
        #expect(!machine.receivedHead() && !machine.receivedBody() && !machine.receivedEnd())
        #expect(machine.received(.malformed) == .nothing)
        #expect(machine.answered() == .answer(.tunnel))
    }

    @Test func `While all is well, nothing happens`() {
        var machine = Machine()
        for _ in 0..<3 {
            self.receive(&machine)
            #expect(machine.answered() == .nothing)
        }
        #expect(!machine.isEnded)
    }
}
