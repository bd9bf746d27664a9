import NIOConcurrencyHelpers
import NIOCore

/// Limits the requests to the handlers of one hub that are under way at once, in number and bytes. The others wait in the order in
/// which they arrived, until they are canceled.
final class EventQuota: Sendable {
    /// Maximum of bytes under way: 64 MiB. One event of any size may be under way.
    static let maximumBytes = 64 * 1024 * 1024

    private struct Waiting {
        let number: UInt64
        let bytes: Int
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var maximum: Int
        var count = 0
        var bytes = 0
        var waiting: CircularBuffer<Waiting> = []
        var lastNumber: UInt64 = 0

        func hasRoom(for bytes: Int) -> Bool {
            self.count < self.maximum && (self.count == 0 || self.bytes + bytes <= EventQuota.maximumBytes)
        }

        mutating func take(_ bytes: Int) {
            self.count += 1
            self.bytes += bytes
        }

        /// The waiting events that have room now.
        mutating func admit() -> [CheckedContinuation<Bool, Never>] {
            var admitted: [CheckedContinuation<Bool, Never>] = []
            while let first = self.waiting.first, self.hasRoom(for: first.bytes) {
                self.waiting.removeFirst()
                self.take(first.bytes)
                admitted.append(first.continuation)
            }
            return admitted
        }
    }

    private let state: NIOLockedValueBox<State>

    init(maximum: Int) {
        self.state = NIOLockedValueBox(State(maximum: maximum))
    }

    /// Changes the maximum. Events under way stay.
    func limit(to maximum: Int) {
        let admitted = self.state.withLockedValue { state in
            state.maximum = maximum
            return state.admit()
        }
        for continuation in admitted { continuation.resume(returning: true) }
    }

    /// - Throws: `timedOut` if the task is canceled before its turn comes; `body` has not been called then.
    func run<Value: Sendable>(
        bytes: Int,
        _ body: () async throws(EventFailure) -> Value
    ) async throws(EventFailure) -> Value {
        guard await self.enter(bytes) else { throw .timedOut }
        defer { self.leave(bytes) }
        return try await body()
    }

    private func enter(_ bytes: Int) async -> Bool {
        let number = self.state.withLockedValue { state in
            state.lastNumber += 1
            return state.lastNumber
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if let hasRoom = self.join(Waiting(number: number, bytes: bytes, continuation: continuation)) {
                    continuation.resume(returning: hasRoom)
                }
            }
        } onCancel: {
            let waiting = self.state.withLockedValue { state in
                state.waiting.firstIndex { $0.number == number }.map { state.waiting.remove(at: $0) }
            }
            waiting?.continuation.resume(returning: false)
        }
    }

    /// Cancellation is checked under the lock: a task that is canceled later is found among those that wait.
    /// - Returns: whether the event has room; nil if it waits.
    private func join(_ event: Waiting) -> Bool? {
        self.state.withLockedValue { state in
            if Task.isCancelled { return false }
            guard state.waiting.isEmpty, state.hasRoom(for: event.bytes) else {
                state.waiting.append(event)
                return nil
            }
            state.take(event.bytes)
            return true
        }
    }

    private func leave(_ bytes: Int) {
        let admitted = self.state.withLockedValue { state in
            state.count -= 1
            state.bytes -= bytes
            return state.admit()
        }
        for continuation in admitted { continuation.resume(returning: true) }
    }
}
