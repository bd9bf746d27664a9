import NIOConcurrencyHelpers

/// Suspends callers until it is opened.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiting: [CheckedContinuation<Void, Never>] = []
        var arrivals: [CheckedContinuation<Void, Never>] = []
    }

    private let state = NIOLockedValueBox(State())

    func pass() async {
        await withCheckedContinuation { continuation in
            let (isOpen, arrivals) = self.state.withLockedValue { state in
                if !state.isOpen { state.waiting.append(continuation) }
                defer { state.arrivals = [] }
                return (state.isOpen, state.arrivals)
            }
            for arrival in arrivals { arrival.resume() }
            if isOpen { continuation.resume() }
        }
    }

    /// Returns when a caller is waiting.
    func arrival() async {
        await withCheckedContinuation { continuation in
            let hasArrived = self.state.withLockedValue { state in
                if state.waiting.isEmpty { state.arrivals.append(continuation) }
                return !state.waiting.isEmpty
            }
            if hasArrived { continuation.resume() }
        }
    }

    func open() {
        let waiting = self.state.withLockedValue { state in
            state.isOpen = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
