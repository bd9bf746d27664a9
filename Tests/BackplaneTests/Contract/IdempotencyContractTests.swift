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

    @Test(arguments: IdempotencyKind.allCases)
    func `Full stores refuse new keys, answer known ones, and forget none within its time`(kind: IdempotencyKind) async throws {
        let large = ByteBuffer(repeating: 1, count: IdempotencyLimits.smallAnswerBytes)
        try await kind.withStores(IdempotencyKind.lifetimes, room: 3) { harness async throws in
            let claims = ["a", "b", "c"].map { harness.claim($0) }
            for claim in claims { #expect(try await harness.store.reserve(claim) == .reserved) }
            #expect(try await harness.store.complete(claims[0], with: large))
            for number in 0..<100 {
                let store = harness.stores[number % 2]
                await #expect(throws: IdempotencyError.full) {
                    try await store.reserve(harness.claim("new-\(number % 7)"))
                }
            }
            #expect(try await harness.stores[1].reserve(harness.claim("a")) == .answered(large))
            #expect(try await harness.stores[1].reserve(harness.claim("a", "another")) == .mismatch)
            #expect(try await harness.stores[1].reserve(harness.claim("b")) == .busy)
            // The same attempt again, whose answer was lost, is not another key.
            #expect(try await harness.store.reserve(claims[1]) == .reserved)
            #expect(try await harness.store.complete(claims[1], with: large))
            await #expect(throws: IdempotencyError.full) { try await harness.store.reserve(harness.claim("d")) }

            try await harness.store.release(claims[2])
            #expect(try await harness.stores[1].reserve(harness.claim("d")) == .reserved)
            await #expect(throws: IdempotencyError.full) { try await harness.store.reserve(harness.claim("e")) }

            // A reservation whose node died lapses; answers stay for longer.
            try await harness.outlive(IdempotencyKind.lifetimes.reservation + .seconds(10))
            #expect(try await harness.store.reserve(harness.claim("e")) == .reserved)
            await #expect(throws: IdempotencyError.full) { try await harness.store.reserve(harness.claim("f")) }
            #expect(try await harness.store.reserve(harness.claim("a")) == .answered(large))
            try await harness.outlive(IdempotencyKind.lifetimes.answer + .seconds(10))
            for key in ["x", "y", "z"] { #expect(try await harness.store.reserve(harness.claim(key)) == .reserved) }
            await #expect(throws: IdempotencyError.full) { try await harness.store.reserve(harness.claim("a")) }
        }
    }

    @Test(arguments: IdempotencyKind.allCases)
    func `Reservations that lapse, keys that are released and answers again and again leave room`(
        kind: IdempotencyKind
    ) async throws {
        try await kind.withStores(IdempotencyKind.lifetimes, room: 3) { harness async throws in
            for round in 0..<12 {
                let claims = (0..<3).map { harness.claim("\(round)-\($0)") }
                for claim in claims { #expect(try await harness.store.reserve(claim) == .reserved, "\(round)") }
                try await harness.stores[1].release(claims[0])
                try await harness.stores[1].release(claims[0])
                for _ in 0..<2 { #expect(try await harness.store.complete(claims[1], with: self.answer)) }
                try await harness.outlive(IdempotencyKind.lifetimes.answer + .seconds(10))
            }
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
