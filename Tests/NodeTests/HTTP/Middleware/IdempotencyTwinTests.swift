import HTTPTypes
import TestSupport
import Testing
import VolaryBackplane

@testable import VolaryNode

/// Concurrent attempts of one request, at two nodes with a common store.
@Suite(.timeLimit(.minutes(2)))
struct IdempotencyTwinTests {
    @Test func `A twin waits for the answer of the first`() async throws {
        let clock = SteppingClock()
        let gate = Gate()
        let nodes = IdempotentNodes(store: MemoryIdempotencyStore(clock: clock), clock: clock) { _, time in
            await gate.pass()
            return JSONBody.response(["time": time])
        }
        let first = Task { try await nodes.post(node: 0) }
        await gate.arrival()
        clock.duringSleep { number in
            guard number == 5 else { return }
            gate.open()
            _ = try? await first.value
        }
        let twin = try await nodes.post(node: 1)
        #expect(twin.status == 200 && twin.isReplayed)
        #expect(try await twin.original == first.value)
        #expect(nodes.times == 1)
        #expect(clock.sleeps == [50, 100, 200, 250, 250].map { .milliseconds($0) })
    }

    @Test func `A twin takes over what the first did not do`() async throws {
        let clock = SteppingClock()
        let gate = Gate()
        let nodes = IdempotentNodes(store: MemoryIdempotencyStore(clock: clock), clock: clock) { _, time in
            if time > 1 { return JSONBody.response(["time": time]) }
            await gate.pass()
            throw Problem.relayUnavailable
        }
        let first = Task { try await nodes.post(node: 0) }
        await gate.arrival()
        clock.duringSleep { _ in
            gate.open()
            _ = try? await first.value
        }
        #expect(try await nodes.post(node: 1).body == #"{"time":2}"#)
        #expect(try await first.value.status == 503)
    }

    @Test(arguments: [("", Duration.seconds(2)), ("?timeout=3s", .seconds(4)), ("?timeout=wrong", .seconds(2))])
    func `A twin waits no longer than the request may take`(query: String, patience: Duration) async throws {
        let clock = SteppingClock()
        let gate = Gate()
        let nodes = IdempotentNodes(store: MemoryIdempotencyStore(clock: clock), clock: clock) { _, time in
            await gate.pass()
            return JSONBody.response(["time": time])
        }
        let first = Task { try await nodes.post("/api/send/one\(query)", node: 0) }
        await gate.arrival()
        let twin = try await nodes.post("/api/send/one\(query)", node: 1)
        #expect(twin.status == 409 && twin.problem == "idempotency-key-busy" && twin.headers[.retryAfter] == "1")
        #expect(clock.sleeps.reduce(.zero, +) == patience)
        gate.open()
        #expect(try await first.value.status == 200)
        #expect(try await nodes.post("/api/send/one\(query)", node: 1).isReplayed)
        #expect(nodes.times == 1)
    }

    @Test func `Another request is refused without waiting`() async throws {
        let clock = SteppingClock()
        let gate = Gate()
        let nodes = IdempotentNodes(store: MemoryIdempotencyStore(clock: clock), clock: clock) { _, time in
            await gate.pass()
            return JSONBody.response(["time": time])
        }
        let first = Task { try await nodes.post(node: 0) }
        await gate.arrival()
        #expect(try await nodes.post(node: 1, body: "another").status == 422)
        #expect(clock.sleeps.isEmpty)
        gate.open()
        _ = try await first.value
    }

    /// A node that crashes reports nothing. Neither does an attempt that was aborted, which may have had its effect.
    @Test func `An attempt that never ends blocks its key for its reservation only`() async throws {
        let clock = SteppingClock()
        let nodes = IdempotentNodes(store: MemoryIdempotencyStore(clock: clock), clock: clock) { _, time in
            if time == 1 { throw CancellationError() }
            return JSONBody.response(["time": time])
        }
        await #expect(throws: CancellationError.self) { try await nodes.post(node: 0) }
        #expect(try await nodes.post(node: 1).status == 409)
        clock.advance(by: .seconds(297))
        #expect(nodes.times == 1)
        // The wait took two seconds. The reservation expires within the next two.
        #expect(try await nodes.post(node: 1).body == #"{"time":2}"#)
    }

    @Test func `Of a hundred at once one is carried out`() async throws {
        let nodes = IdempotentNodes(store: MemoryIdempotencyStore()) { _, time in
            try await Task.sleep(for: .milliseconds(20))
            return JSONBody.response(["time": time])
        }
        let answers = try await withThrowingTaskGroup(of: IdempotentNodes.Answer.self) { group in
            for index in 0..<100 { group.addTask { try await nodes.post("/api/send/one?timeout=30s", node: index % 2) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(nodes.times == 1)
        #expect(answers.allSatisfy { $0.status == 200 && $0.body == #"{"time":1}"# })
        #expect(answers.count { $0.isReplayed } == 99)
    }
}
