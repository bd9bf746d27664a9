import NIOCore
import Testing
import VolaryBackplane

/// What every idempotency store does, said once.
@Suite(.timeLimit(.minutes(2)))
struct IdempotencyContractTests {
    private let answer = ByteBuffer(bytes: [0, 13, 10, 255, 0])

    @Test(arguments: IdempotencyKind.allCases)
    func `The first attempt gets the key and the others the answer`(kind: IdempotencyKind) async throws {
        try await kind.withStores { harness async throws in
            let (first, second) = (harness.claim(), harness.claim())
            #expect(try await harness.stores[0].reserve(first) == .reserved)
            #expect(try await harness.stores[1].reserve(second) == .busy)
            #expect(try await harness.stores[0].complete(first, with: self.answer))
            for store in harness.stores { #expect(try await store.reserve(second) == .answered(self.answer)) }
        }
    }

    @Test(arguments: IdempotencyKind.allCases)
    func `A key stands for one request`(kind: IdempotencyKind) async throws {
        try await kind.withStores { harness async throws in
            let claim = harness.claim()
            #expect(try await harness.store.reserve(claim) == .reserved)
            #expect(try await harness.stores[1].reserve(harness.claim("key", "another")) == .mismatch)
            #expect(try await harness.store.complete(claim, with: self.answer))
            #expect(try await harness.stores[1].reserve(harness.claim("key", "another")) == .mismatch)
            // Another key is another matter, also one that differs in case only.
            #expect(try await harness.stores[1].reserve(harness.claim("KEY", "another")) == .reserved)
            #expect(try await harness.stores[1].reserve(harness.claim("{key}:*", "another")) == .reserved)
        }
    }

    @Test(arguments: IdempotencyKind.allCases)
    func `A released key is free`(kind: IdempotencyKind) async throws {
        try await kind.withStores { harness in
            let first = harness.claim()
            #expect(try await harness.store.reserve(first) == .reserved)
            try await harness.store.release(first)
            // For another request too: the first was never carried out.
            let second = harness.claim("key", "another")
            #expect(try await harness.stores[1].reserve(second) == .reserved)
        }
    }

    @Test(arguments: IdempotencyKind.allCases)
    func `Only the attempt that holds a key releases it`(kind: IdempotencyKind) async throws {
        try await kind.withStores { harness in
            let (first, second) = (harness.claim(), harness.claim())
            #expect(try await harness.store.reserve(first) == .reserved)
            try await harness.stores[1].release(second)
            #expect(try await harness.stores[1].reserve(second) == .busy)
            // What is carried out is not undone.
            #expect(try await harness.store.complete(first, with: self.answer))
            try await harness.store.release(first)
            #expect(try await harness.stores[1].reserve(second) == .answered(self.answer))
        }
    }

    @Test(arguments: IdempotencyKind.allCases)
    func `Every call may be repeated`(kind: IdempotencyKind) async throws {
        try await kind.withStores { harness in
            let claim = harness.claim()
            for _ in 0..<2 { #expect(try await harness.store.reserve(claim) == .reserved) }
            for _ in 0..<2 { try await harness.store.release(claim) }
            #expect(try await harness.store.reserve(claim) == .reserved)
            for _ in 0..<2 { #expect(try await harness.store.complete(claim, with: self.answer)) }
            #expect(try await harness.store.reserve(claim) == .answered(self.answer))
        }
    }

    @Test(arguments: IdempotencyKind.allCases)
    func `A reservation that nobody ends lapses`(kind: IdempotencyKind) async throws {
        try await kind.withStores(IdempotencyKind.lifetimes) { harness in
            #expect(try await harness.store.reserve(harness.claim()) == .reserved)
            try await harness.outlive(IdempotencyKind.lifetimes.reservation)
            #expect(try await harness.stores[1].reserve(harness.claim()) == .reserved)
        }
    }

    @Test(arguments: IdempotencyKind.allCases)
    func `An answer stays longer than a reservation and not for ever`(kind: IdempotencyKind) async throws {
        try await kind.withStores(IdempotencyKind.lifetimes) { harness in
            let claim = harness.claim()
            #expect(try await harness.store.reserve(claim) == .reserved)
            #expect(try await harness.store.complete(claim, with: self.answer))
            try await harness.outlive(IdempotencyKind.lifetimes.reservation)
            #expect(try await harness.stores[1].reserve(harness.claim()) == .answered(self.answer))
            try await harness.outlive(IdempotencyKind.lifetimes.answer)
            #expect(try await harness.stores[1].reserve(harness.claim()) == .reserved)
        }
    }

    @Test(arguments: IdempotencyKind.allCases)
    func `A late answer is kept when nobody else has the key`(kind: IdempotencyKind) async throws {
        try await kind.withStores(IdempotencyKind.lifetimes) { harness in
            let (first, second) = (harness.claim("free"), harness.claim("taken"))
            for claim in [first, second] { #expect(try await harness.store.reserve(claim) == .reserved) }
            try await harness.outlive(IdempotencyKind.lifetimes.reservation)
            #expect(try await harness.store.complete(first, with: self.answer))
            #expect(try await harness.stores[1].reserve(harness.claim("free")) == .answered(self.answer))

            let third = harness.claim("taken")
            #expect(try await harness.stores[1].reserve(third) == .reserved)
            #expect(try await harness.stores[1].complete(third, with: self.answer))
            #expect(try await !harness.store.complete(second, with: ByteBuffer(string: "late")))
            #expect(try await harness.store.reserve(harness.claim("taken")) == .answered(self.answer))
        }
    }

    @Test(arguments: IdempotencyKind.allCases)
    func `The largest answer and the longest key fit`(kind: IdempotencyKind) async throws {
        try await kind.withStores { harness async throws in
            let claim = harness.claim(String(repeating: "~", count: 256), String(repeating: "f", count: 64))
            let answer = ByteBuffer(repeating: 0, count: IdempotencyLimits.answerBytes)
            #expect(try await harness.store.reserve(claim) == .reserved)
            #expect(try await harness.store.complete(claim, with: answer))
            #expect(try await harness.stores[1].reserve(claim) == .answered(answer))
        }
    }

    @Test(arguments: IdempotencyKind.allCases)
    func `Of many attempts at once one wins`(kind: IdempotencyKind) async throws {
        try await kind.withStores { harness in
            let outcomes = try await withThrowingTaskGroup(of: IdempotencyReservation.self) { group in
                for index in 0..<100 {
                    let claim = harness.claim()
                    let store = harness.stores[index % 2]
                    group.addTask { try await store.reserve(claim) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count { $0 == .reserved } == 1)
            #expect(outcomes.count { $0 == .busy } == 99)
        }
    }

    @Test(arguments: ["a", "!", "~", "0b5e6b52-7f3c-4d0c-9d1e-d4a9e6c1c0de", "\"quoted\"", String(repeating: "x", count: 256)])
    func `Visible ASCII is a key`(text: String) {
        #expect(IdempotencyKey(text)?.description == text)
    }

    @Test(arguments: ["", " ", "a b", "a\tb", "é", "a\u{7F}", "a\0", "k, k", String(repeating: "x", count: 257)])
    func `Anything else is none`(text: String) {
        #expect(IdempotencyKey(text) == nil)
    }
}
