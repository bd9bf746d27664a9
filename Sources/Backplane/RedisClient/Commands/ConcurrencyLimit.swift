import NIOCore

/// Lets so many calls be under way at a time; others wait, in the order in which they came.
actor ConcurrencyLimit {
    private let maximum: Int
    private var underWay = 0
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
        if self.underWay < self.maximum {
            self.underWay += 1
        } else {
            await withCheckedContinuation { self.waiting.append($0) }
        }
    }

    /// Who waits takes the place of who leaves.
    private func leave() {
        if let next = self.waiting.popFirst() { next.resume() } else { self.underWay -= 1 }
    }
}
