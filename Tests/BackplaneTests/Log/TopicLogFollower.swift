import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// One node that follows one topic: a machine on a model, with what came of it.
struct TopicLogFollower {
    /// Who publishes.
    static let other = NodeID(rawValue: 7)

    var model = LogModel()
    var machine: TopicLogStateMachine
    var output = TopicLogStateMachine.Output()
    var pageEntries = 256
    private var next: UInt64 = 0
    private var sessions = 0

    init(limits: TopicLogStateMachine.Limits = .init()) {
        self.machine = TopicLogStateMachine(own: NodeID(rawValue: 1), limits: limits)
    }

    var texts: [UInt64] { self.output.envelopes.map(\.sequence) }

    mutating func publish() -> LogArrival {
        self.next += 1
        return self.model.publish(.init(origin: Self.other, sequence: self.next))
    }

    mutating func publishUnlogged() -> LogArrival {
        self.next += 1
        return self.model.publishUnlogged(.init(origin: Self.other, sequence: self.next))
    }

    /// Publishes, and the node hears it.
    mutating func hear(_ count: Int = 1) {
        for _ in 0..<count { self.machine.received(self.publish(), into: &self.output) }
    }

    mutating func miss(_ count: Int) { for _ in 0..<count { _ = self.publish() } }

    mutating func unlink() { self.machine.unlinked(into: &self.output) }

    mutating func subscribe() {
        self.sessions += 1
        self.machine.subscribed(session: self.sessions)
    }

    mutating func relink() {
        self.subscribe()
        self.answerAll()
    }

    mutating func answerAll() {
        for _ in 0..<100 {
            guard let request = self.machine.request else { return }
            self.answer(request)
        }
        Issue.record("it asks without end")
    }

    mutating func answer(_ request: TopicLogStateMachine.LogRequest) {
        if case .endEpoch(let epoch) = request {
            self.model.endEpoch(epoch)
            self.machine.epochWasEnded()
        } else {
            self.machine.read(self.model.page(for: request, entries: self.pageEntries), into: &self.output)
        }
    }
}
