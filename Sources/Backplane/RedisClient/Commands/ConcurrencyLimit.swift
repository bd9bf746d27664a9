import NIOConcurrencyHelpers
import NIOCore

/// Limits how many calls run at the same time. The others wait in the order in which they arrived, until they are canceled.
final class ConcurrencyLimit: Sendable {
    private struct State {
        var running = 0
        var waiting: CircularBuffer<(call: UInt64, continuation: CheckedContinuation<Bool, Never>)> = []
        /// The number of the last call.
        var calls: UInt64 = 0
    }

    private let maximum: Int
    private let state = NIOLockedValueBox(State())

    init(_ maximum: Int) {
        self.maximum = maximum
    }

    /// Numbers of calls that run, and that wait.
    var occupancy: (running: Int, waiting: Int) { self.state.withLockedValue { ($0.running, $0.waiting.count) } }

    /// - Throws: ``PresenceError/callerCanceled`` if the task is canceled before its turn comes; `body` has not been called then.
    func run<Value: Sendable>(
        _ body: () async throws(PresenceError) -> Value
    ) async throws(PresenceError) -> Value {
        guard await self.enter() else { throw .callerCanceled }
        defer { self.leave() }
        // A place may become free at the moment of the cancellation.
        guard !Task.isCancelled else { throw .callerCanceled }
        return try await body()
    }

    /// - Returns: whether the call has a place.
    private func enter() async -> Bool {
        let call = self.state.withLockedValue { state in
            state.calls += 1
            return state.calls
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if let hasPlace = self.join(call, continuation) { continuation.resume(returning: hasPlace) }
            }
        } onCancel: {
            self.withdraw(call)
        }
    }

    /// - Returns: whether the call has a place; nil if it waits. Cancellation is checked under the lock: a task that is canceled
    ///   later is found by ``withdraw(_:)``.
    private func join(_ call: UInt64, _ continuation: CheckedContinuation<Bool, Never>) -> Bool? {
        self.state.withLockedValue { state in
            if Task.isCancelled { return false }
            guard state.running < self.maximum else {
                state.waiting.append((call, continuation))
                return nil
            }
            state.running += 1
            return true
        }
    }

    private func withdraw(_ call: UInt64) {
        let waiting = self.state.withLockedValue { state in
            state.waiting.firstIndex { $0.call == call }.map { state.waiting.remove(at: $0) }
        }
        waiting?.continuation.resume(returning: false)
    }

    /// The first waiting call takes over the place.
    private func leave() {
        let next = self.state.withLockedValue { state in
            let next = state.waiting.popFirst()
            if next == nil { state.running -= 1 }
            return next
        }
        next?.continuation.resume(returning: true)
    }
}
