import NIOCore
import TestSupport
import Testing
import VolaryBackplane

/// What only the store in memory can get wrong: its bounds.
@Suite(.timeLimit(.minutes(2)))
struct MemoryIdempotencyStoreTests {
    private let answer = ByteBuffer(string: "answer")

    private func claim(_ key: String) -> IdempotencyClaim { IdempotencyClaim(key: IdempotencyKey(key)!, request: "request") }

    @Test func `A full store refuses new keys, and forgets none within its time`() async throws {
        let clock = SteppingClock()
        let store = MemoryIdempotencyStore(clock: clock, capacity: 3)
        let claims = ["answered", "running", "released"].map(self.claim)
        for claim in claims { #expect(try await store.reserve(claim) == .reserved) }
        #expect(try await store.complete(claims[0], with: self.answer))
        for number in 0..<1000 {
            await #expect(throws: IdempotencyError.full) { try await store.reserve(self.claim("\(number)")) }
        }
        #expect(try await store.reserve(self.claim("answered")) == .answered(self.answer))
        #expect(try await store.reserve(self.claim("running")) == .busy)
        try await store.release(claims[2])
        #expect(try await store.reserve(self.claim("new")) == .reserved)
        await #expect(throws: IdempotencyError.full) { try await store.reserve(self.claim("another")) }
        clock.advance(by: .seconds(299))
        #expect(try await store.reserve(self.claim("answered")) == .answered(self.answer))
        clock.advance(by: .seconds(1))
        for key in ["x", "y", "z"] { #expect(try await store.reserve(self.claim(key)) == .reserved) }
        await #expect(throws: IdempotencyError.full) { try await store.reserve(self.claim("answered")) }
    }

    @Test func `What has expired leaves room also behind what stays longer`() async throws {
        let clock = SteppingClock()
        let lifetimes = IdempotencyLifetimes(reservation: .seconds(1), answer: .seconds(300))
        let store = MemoryIdempotencyStore(clock: clock, lifetimes: lifetimes, capacity: 2)
        let claim = self.claim("stays")
        #expect(try await store.reserve(claim) == .reserved)
        #expect(try await store.complete(claim, with: self.answer))
        for number in 0..<100 {
            #expect(try await store.reserve(self.claim("\(number)")) == .reserved)
            clock.advance(by: .seconds(1))
        }
        #expect(try await store.reserve(claim) == .answered(self.answer))
    }

    @Test func `All answers together are bounded, and a key whose answer finds no room stays taken`() async throws {
        let store = MemoryIdempotencyStore(clock: SteppingClock())
        let large = ByteBuffer(repeating: 1, count: IdempotencyLimits.answerBytes)
        let small = ByteBuffer(repeating: 1, count: IdempotencyLimits.smallAnswerBytes)
        let claims = (0..<300).map { self.claim("\($0)") }
        for claim in claims { #expect(try await store.reserve(claim) == .reserved) }
        var kept = 0
        for claim in claims {
            do {
                #expect(try await store.complete(claim, with: large))
                kept += 1
            } catch {
                #expect(error == .full)
                #expect(try await store.reserve(self.claim(claim.key.description)) == .busy)
                #expect(try await store.complete(claim, with: small))
            }
        }
        // 256 of 64 KiB would be 16 MiB with nothing beside.
        #expect((240..<256).contains(kept))
        for (index, claim) in claims.enumerated() {
            #expect(try await store.reserve(self.claim(claim.key.description)) == .answered(index < kept ? large : small))
        }
    }

    @Test func `As many keys as the store takes have room for a small answer each`() async throws {
        let store = MemoryIdempotencyStore(clock: SteppingClock())
        let small = ByteBuffer(repeating: 1, count: IdempotencyLimits.smallAnswerBytes)
        let claims = (0..<10_000).map { self.claim(String(repeating: "k", count: 251) + "\(10_000 + $0)") }
        for claim in claims { #expect(try await store.reserve(claim) == .reserved) }
        await #expect(throws: IdempotencyError.full) { try await store.reserve(self.claim("one-more")) }
        for claim in claims { #expect(try await store.complete(claim, with: small)) }
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
