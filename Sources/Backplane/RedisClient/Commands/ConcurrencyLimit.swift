import NIOCore

/// Limits how many calls run at the same time. The others wait in the order in which they arrived.
actor ConcurrencyLimit {
    private let maximum: Int
    private var running = 0
    private var waiting = CircularBuffer<CheckedContinuation<Void, Never>>()

    init(_ maximum: Int) {
        self.maximum = maximum
    }

    nonisolated func run<Value: Sendable>(
        _ body: () async throws(PresenceError) -> Value
    ) async throws(PresenceError) -> Value {
        await self.enter()
        let result: Result<Value, PresenceError>
        do throws(PresenceError) {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        await self.leave()
        return try result.get()
    }

    private func enter() async {
        if self.running < self.maximum {
            self.running += 1
        } else {
            await withCheckedContinuation { self.waiting.append($0) }
        }
    }

    /// The first waiting call takes over the place.
    private func leave() {
        if let next = self.waiting.popFirst() { next.resume() } else { self.running -= 1 }
    }
}
