import NIOConcurrencyHelpers

/// Records a ``History`` during a run.
final class HistoryRecorder: Sendable {
    private struct State {
        var history = History()
        var publications: [String: Int] = [:]
        var connections: [String: Int] = [:]
    }

    private let start = ContinuousClock.now
    private let state = NIOLockedValueBox(State())

    /// Time since the start of the run.
    var now: Duration { self.start.duration(to: .now) }

    var history: History { self.state.withLockedValue { $0.history } }

    func edit(_ body: @Sendable (inout History) -> Void) { self.state.withLockedValue { body(&$0.history) } }

    // MARK: - Publications

    func published(_ payload: String, topic: String, by publisher: String, on node: String) {
        let at = self.now
        self.state.withLockedValue { state in
            state.publications[payload] = state.history.publications.count
            state.history.publications.append(.init(payload, topic: topic, by: publisher, on: node, at: at, .unknown))
        }
    }

    func answered(_ payload: String, _ outcome: History.Outcome) {
        self.state.withLockedValue { state in
            guard let index = state.publications[payload] else { return }
            state.history.publications[index].outcome = outcome
        }
    }

    // MARK: - Connections

    func opened(_ name: String, on node: String) {
        let at = self.now
        self.state.withLockedValue { state in
            state.connections[name] = state.history.connections.count
            state.history.connections.append(History.Connection(name, on: node, opened: at))
        }
    }

    /// Its socket has ended, an echo has told its id, or it has joined a topic.
    func change(_ name: String, _ body: (inout History.Connection) -> Void) {
        self.state.withLockedValue { state in
            guard let index = state.connections[name] else { return }
            body(&state.history.connections[index])
        }
    }

    func got(_ payload: String, by connection: String) {
        let at = self.now
        self.state.withLockedValue { $0.history.deliveries.append(.init(payload, to: connection, at: at)) }
    }

    func notified(_ kind: History.Notice.Kind, to connection: String) {
        let at = self.now
        self.state.withLockedValue { $0.history.notices.append(.init(kind, to: connection, at: at)) }
    }
}
