import NIOConcurrencyHelpers

/// Polls every node all the time, as a balancer and an operator would: whether it is ready, and which connections it lists.
final class FaultMonitor: Sendable {
    private static let interval = Duration.milliseconds(100)

    private struct State {
        /// By node: since when it has not been ready.
        var unready: [String: Duration] = [:]
        var longestOutage = Duration.zero
        /// What nodes have answered that were not ready, from the first answer on.
        var refusals: [String] = []
        var longestGhost = Duration.zero
    }

    private let recorder: HistoryRecorder
    private let tasks = TaskBag()
    private let state = NIOLockedValueBox(State())

    init(recorder: HistoryRecorder) { self.recorder = recorder }

    func start(_ nodes: [FaultNode]) {
        for node in nodes {
            self.tasks.add { await self.watch(node) }
            self.tasks.add { await self.list(node) }
        }
    }

    func end() async { await self.tasks.end() }

    /// The longest outage of a node: from the first answer that was not "ready" (or missing) to the next one that was.
    var longestOutage: Duration { self.state.withLockedValue { $0.longestOutage } }

    /// What nodes have answered that were not ready: the first few. A node that has not answered is not in them.
    var refusals: [String] { self.state.withLockedValue { $0.refusals } }

    /// The longest time from the end of a socket to the last list that contained its connection.
    var longestGhost: Duration { self.state.withLockedValue { $0.longestGhost } }

    private func watch(_ node: FaultNode) async {
        while !Task.isCancelled {
            let asked = self.recorder.now
            let readiness = await node.readiness()
            let isReady = readiness.isReady
            let now = self.recorder.now
            self.state.withLockedValue { state in
                if case .notReady(let answer) = readiness, state.refusals.count < 10 {
                    state.refusals.append("\(node.name) at \(now): \(answer)")
                }
                let since = state.unready[node.name] ?? asked
                if !isReady || state.unready[node.name] != nil { state.longestOutage = max(state.longestOutage, now - since) }
                state.unready[node.name] = isReady ? nil : since
            }
            try? await Task.sleep(for: Self.interval)
        }
    }

    private func list(_ node: FaultNode) async {
        while !Task.isCancelled {
            let asked = self.recorder.now
            if let ids = await node.inventory()?.ids {
                let ends = self.recorder.history.connections.reduce(into: [String: Duration]()) { ends, connection in
                    if let id = connection.shortID, let closed = connection.closed { ends[id] = closed }
                }
                for id in ids {
                    guard let end = ends[String(id.prefix(8))] else { continue }
                    self.state.withLockedValue { $0.longestGhost = max($0.longestGhost, asked - end) }
                }
            }
            try? await Task.sleep(for: Self.interval * 2)
        }
    }
}
