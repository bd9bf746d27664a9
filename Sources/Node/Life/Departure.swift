import NIOConcurrencyHelpers

/// What a node has been told about its going. From any thread; what was told is never taken back.
final class Departure: Sendable {
    enum Order: Int, Comparable, Sendable {
        /// Drain, with the time that the configuration gives.
        case go
        /// Do not wait for anybody any more.
        case hurry

        static func < (left: Order, right: Order) -> Bool { left.rawValue < right.rawValue }
    }

    private struct State {
        var order: Order?
        var signals = 0
        var lastWaiter = 0
        var waiters: [Int: (order: Order, continuation: CheckedContinuation<Void, Never>)] = [:]

        func isTold(_ order: Order) -> Bool { self.order.map { $0 >= order } ?? false }
    }

    private let state = NIOLockedValueBox(State())

    /// - Returns: whether the node has been told that, or more.
    func isTold(_ order: Order) -> Bool { self.state.withLockedValue { $0.isTold(order) } }

    func tell(_ order: Order) {
        let ready = self.state.withLockedValue { state in
            state.order = max(state.order ?? order, order)
            let ready = state.waiters.filter { state.isTold($0.value.order) }
            for id in ready.keys { state.waiters[id] = nil }
            return ready
        }
        for waiter in ready.values { waiter.continuation.resume() }
    }

    /// The process got a signal: the first says go, the second hurry. A node that drains by request still has its time when its
    /// supervisor then stops it: that signal is the first.
    func signalled() {
        self.tell(
            self.state.withLockedValue { state in
                state.signals += 1
                return state.signals == 1 ? .go : .hurry
            }
        )
    }

    /// Returns once the node has been told that, or more, or the task is cancelled.
    func told(_ order: Order) async {
        let id = self.state.withLockedValue { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = self.state.withLockedValue { state in
                    if state.isTold(order) || Task.isCancelled { return true }
                    state.waiters[id] = (order, continuation)
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            self.state.withLockedValue { $0.waiters.removeValue(forKey: id) }?.continuation.resume()
        }
    }
}
