import Backplane
import NIOCore
import TestSupport
import Testing

/// What only the store in memory can get wrong: its bounds.
@Suite(.timeLimit(.minutes(2)))
struct MemoryIdempotencyStoreTests {
    private let answer = ByteBuffer(string: "answer")

    private func claim(_ key: String) -> IdempotencyClaim { IdempotencyClaim(key: IdempotencyKey(key)!, request: "request") }

    private func answered(_ key: String, by store: MemoryIdempotencyStore) async throws -> Bool {
        let claim = self.claim(key)
        guard case .reserved = try await store.reserve(claim) else { return true }
        // As it was: asking must not count as a key.
        try await store.release(claim)
        return false
    }

    @Test func `The oldest keys go first`() async throws {
        let store = MemoryIdempotencyStore(clock: SteppingClock(), capacity: 3)
        for key in ["a", "b", "c"] {
            let claim = self.claim(key)
            _ = try await store.reserve(claim)
            _ = try await store.complete(claim, with: self.answer)
        }
        #expect(try await self.answered("a", by: store))
        let fourth = self.claim("d")
        #expect(try await store.reserve(fourth) == .reserved)
        #expect(try await store.reserve(self.claim("b")) == .answered(self.answer))
        #expect(try await store.reserve(self.claim("c")) == .answered(self.answer))
        #expect(try await store.reserve(self.claim("d")) == .busy)
        #expect(try await store.reserve(self.claim("a")) == .reserved)
        // Which takes the place of the oldest in its turn.
        #expect(try await store.reserve(self.claim("b")) == .reserved)
    }

    @Test func `An answer makes its key young again`() async throws {
        let store = MemoryIdempotencyStore(clock: SteppingClock(), capacity: 2)
        let (first, second) = (self.claim("a"), self.claim("b"))
        _ = try await store.reserve(first)
        _ = try await store.reserve(second)
        _ = try await store.complete(first, with: self.answer)
        _ = try await store.reserve(self.claim("c"))
        #expect(try await store.reserve(first) == .answered(self.answer))
        #expect(try await store.complete(second, with: self.answer))
    }

    @Test func `All answers together are bounded`() async throws {
        let store = MemoryIdempotencyStore(clock: SteppingClock())
        let large = ByteBuffer(repeating: 1, count: IdempotencyLimits.answerBytes)
        for index in 0..<300 {
            let claim = self.claim("\(index)")
            _ = try await store.reserve(claim)
            _ = try await store.complete(claim, with: large)
        }
        var kept = 0
        for index in 0..<300 where try await store.reserve(self.claim("\(index)")) == .answered(large) { kept += 1 }
        // 256 of 64 KiB would be 16 MiB with nothing beside.
        #expect((240..<256).contains(kept))
    }

    @Test func `Released keys leave room`() async throws {
        let store = MemoryIdempotencyStore(clock: SteppingClock(), capacity: 3)
        let claim = self.claim("stays")
        _ = try await store.reserve(claim)
        _ = try await store.complete(claim, with: self.answer)
        for index in 0..<1000 {
            let passing = self.claim("\(index)")
            #expect(try await store.reserve(passing) == .reserved)
            try await store.release(passing)
        }
        #expect(try await store.reserve(claim) == .answered(self.answer))
    }
}
