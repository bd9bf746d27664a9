import NIOConcurrencyHelpers

/// What a node has been told about its going. From any thread; what was told is never taken back.
final class ShutdownRequest: Sendable {
    enum Kind: Int, Comparable, Sendable {
        /// Drain, with the time that the configuration gives.
        case graceful
        /// Do not wait for anybody any more.
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

    /// - Returns: whether the node has been told that, or more.
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

    /// The process got a signal: the first says go, the second hurry. A node that drains by request still has its time when its
    /// supervisor then stops it: that signal is the first.
    func signalled() {
        self.request(
            self.state.withLockedValue { state in
                state.signals += 1
                return state.signals == 1 ? .graceful : .immediate
            }
        )
    }

    /// Returns once the node has been told that, or more, or the task is cancelled.
    func wait(for kind: Kind) async {
        let id = self.state.withLockedValue { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = self.state.withLockedValue { state in
                    if state.isRequested(kind) || Task.isCancelled { return true }
                    state.waiters[id] = (kind, continuation)
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            self.state.withLockedValue { $0.waiters.removeValue(forKey: id) }?.continuation.resume()
        }
    }
}
