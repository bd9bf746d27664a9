import NIOConcurrencyHelpers

/// The request to shut a node down: graceful, then possibly immediate. It is never withdrawn. Used from any thread.
final class ShutdownRequest: Sendable {
    enum Kind: Int, Comparable, Sendable {
        /// Drain, with the configured delay and timeout.
        case graceful
        /// End without waiting for clients.
        case immediate

        static func < (left: Kind, right: Kind) -> Bool { left.rawValue < right.rawValue }
    }

    private struct State {
        var kind: Kind?
        var signals = 0
        var lastWaiter = 0
        var waiters: [Int: (kind: Kind, continuation: CheckedContinuation<Void, Never>)] = [:]

        func isRequested(_ kind: Kind) -> Bool { self.kind.map { $0 >= kind } ?? false }
    }

    private let state = NIOLockedValueBox(State())

    /// - Returns: whether a shutdown of this kind, or an immediate one, was requested.
    func isRequested(_ kind: Kind) -> Bool { self.state.withLockedValue { $0.isRequested(kind) } }

    func request(_ kind: Kind) {
        let ready = self.state.withLockedValue { state in
            state.kind = max(state.kind ?? kind, kind)
            let ready = state.waiters.filter { state.isRequested($0.value.kind) }
            for id in ready.keys { state.waiters[id] = nil }
            return ready
        }
        for waiter in ready.values { waiter.continuation.resume() }
    }

    /// The process received a signal: the first requests a graceful shutdown, the second an immediate one. A drain over REST does
    /// not count as the first signal, so a supervisor's stop leaves such a node its drain time.
    func signalReceived() {
        self.request(
            self.state.withLockedValue { state in
                state.signals += 1
                return state.signals == 1 ? .graceful : .immediate
            }
        )
    }

    /// Returns once a shutdown of this kind, or an immediate one, was requested, or when the task is canceled.
    func wait(for kind: Kind) async {
        let id = self.state.withLockedValue { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDone = self.state.withLockedValue { state in
                    if state.isRequested(kind) || Task.isCancelled { return true }
                    state.waiters[id] = (kind, continuation)
                    return false
                }
                if isDone { continuation.resume() }
            }
        } onCancel: {
            self.state.withLockedValue { $0.waiters.removeValue(forKey: id) }?.continuation.resume()
        }
    }
}
