import NIOConcurrencyHelpers

/// Records a ``ReliableHistory`` during a run.
final class ReliableRecorder: Sendable {
    private struct State {
        var history = ReliableHistory()
        var publications: [String: Int] = [:]
        var lives: [String: Int] = [:]
    }

    private let start = ContinuousClock.now
    private let state = NIOLockedValueBox(State())

    var now: Duration { self.start.duration(to: .now) }

    var history: ReliableHistory { self.state.withLockedValue { $0.history } }

    func edit(_ body: (inout ReliableHistory) -> Void) { self.state.withLockedValue { body(&$0.history) } }

    func published(_ payload: String, topic: String, by publisher: String, on node: String = "") {
        let at = self.now
        self.state.withLockedValue { state in
            state.publications[payload] = state.history.publications.count
            state.history.publications.append(.init(payload, topic: topic, by: publisher, on: node, at: at))
        }
    }

    func change(_ payload: String, _ body: (inout ReliableHistory.Publication) -> Void) {
        self.state.withLockedValue { state in
            guard let index = state.publications[payload] else { return }
            body(&state.history.publications[index])
        }
    }

    func answered(_ payload: String, _ outcome: ReliableHistory.Outcome) { self.change(payload) { $0.outcome = outcome } }

    func began(_ name: String, id: String, topics: Set<String>) {
        let life = ReliableHistory.Life(name, id: id, topics: topics.union(["answers:\(name)"]), opened: self.now)
        self.state.withLockedValue { state in
            state.lives[name] = state.history.lives.count
            state.history.lives.append(life)
        }
    }

    func change(life name: String, _ body: (inout ReliableHistory.Life) -> Void) {
        self.state.withLockedValue { state in
            guard let index = state.lives[name] else { return }
            body(&state.history.lives[index])
        }
    }
}
