import HTTPTypes
import NIOCore
import TestSupport
import Testing
import VolaryBackplane

@testable import VolaryNode

/// `Idempotency-Key` at two nodes with one store.
@Suite(.timeLimit(.minutes(2)))
struct IdempotencyMiddlewareTests {
    struct Failure: Error {}

    @Test func `The same request at another node gets the same answer and does nothing`() async throws {
        let nodes = IdempotentNodes(store: MemoryIdempotencyStore()) { _, time in
            Response(
                status: .accepted,
                headers: [.location: "/api/somewhere", .contentType: "text/plain", .cacheControl: "no-store"],
                body: ByteBuffer(string: "time \(time)")
            )
        }
        let first = try await nodes.post(node: 0)
        #expect(first.status == 202 && first.body == "time 1" && !first.isReplayed)
        for node in [1, 0] {
            let again = try await nodes.post(node: node)
            #expect(again.isReplayed && again.original == first)
        }
        #expect(nodes.times == 1)
    }

    @Test func `Another request under the same key is refused`() async throws {
        let nodes = IdempotentNodes(store: MemoryIdempotencyStore())
        _ = try await nodes.post("/api/send/one?wait=none", body: "{}")
        for (path, body) in [
            ("/api/send/one?wait=none", "{ }"), ("/api/send/one", "{}"), ("/api/send/one?wait=routed", "{}"),
            ("/api/send/two?wait=none", "{}"),
        ] {
            let answer = try await nodes.post(path, node: 1, body: body)
            #expect(answer.status == 422 && answer.problem == "idempotency-key-reused", "\(path) \(body)")
        }
        #expect(nodes.times == 1)
        // The refusal does not change the stored key.
        #expect(try await nodes.post("/api/send/one?wait=none", node: 1).isReplayed)
    }

    @Test func `A node that has no room for a key says so and does nothing; requests whose keys it has are answered again`()
        async throws
    {
        let nodes = IdempotentNodes(store: MemoryIdempotencyStore(capacity: 1)) { _, time in
            Response(status: .ok, body: ByteBuffer(string: "time \(time)"))
        }
        #expect(try await nodes.request(keys: ["one"]).status == 200)
        for _ in 0..<3 {
            let answer = try await nodes.request(keys: ["two"])
            #expect(answer.status == 503 && answer.problem == "idempotency-full")
        }
        #expect(try await nodes.request(keys: ["one"]).isReplayed && nodes.times == 1)
        // Requests without a key are still carried out.
        #expect(try await nodes.request(keys: []).status == 200)
    }

    @Test func `An answer for which there is no room is not kept, and its request is carried out once`() async throws {
        let large = ByteBuffer(repeating: 32, count: IdempotencyLimits.answerBytes - 100)
        let nodes = IdempotentNodes(store: MemoryIdempotencyStore()) { _, _ in
            Response(status: .ok, body: large)
        }
        // 255 of them take 16 MiB. The remaining space has room for five more keys.
        for number in 0..<260 { #expect(try await nodes.request(keys: ["\(number)"]).status == 200) }
        let last = try await nodes.request(keys: ["259"])
        #expect(last.status == 409 && last.problem == "answer-not-kept")
        #expect(try await nodes.request(keys: ["0"]).isReplayed && nodes.times == 260)
        #expect(StoredAnswer.notKept.readableBytes <= IdempotencyLimits.smallAnswerBytes)
    }

    @Test func `Without a key every request is carried out`() async throws {
        let store = UnreliableIdempotencyStore()
        store.setAway(true)
        let nodes = IdempotentNodes(store: store)
        for _ in 0..<2 { #expect(try await nodes.request(keys: []).status == 200) }
        // Methods that change nothing ignore the key.
        for _ in 0..<2 { #expect(try await nodes.request(.get, keys: ["key"]).status == 200) }
        #expect(nodes.times == 4)
    }

    @Test(arguments: [["a b"], [""], ["é"], [String(repeating: "x", count: 257)], ["one", "two"]])
    func `A key that is none is refused by name`(keys: [String]) async throws {
        let nodes = IdempotentNodes(store: MemoryIdempotencyStore())
        let answer = try await nodes.request(keys: keys)
        #expect(answer.status == 400 && answer.problem == "invalid-header")
        #expect(answer.body.contains(#""field":"Idempotency-Key""#))
        #expect(nodes.times == 0)
    }

    @Test(arguments: [HTTPResponse.Status.badRequest, .notFound, .internalServerError, .serviceUnavailable])
    func `What was refused or failed uses up no key`(status: HTTPResponse.Status) async throws {
        for throwing in [true, false] {
            let nodes = IdempotentNodes(store: MemoryIdempotencyStore()) { _, time in
                if time > 1 { return JSONBody.response(["time": time]) }
                let problem = Problem(status, "problem", "The first time fails.")
                if throwing { throw problem }
                return problem.response
            }
            #expect(try await nodes.post().status == status.code)
            let second = try await nodes.post(node: 1, body: #"{"corrected":true}"#)
            #expect(second.status == 200 && !second.isReplayed && nodes.times == 2)
        }
    }

    @Test func `An unexpected error uses up no key`() async throws {
        let nodes = IdempotentNodes(store: MemoryIdempotencyStore()) { _, time in
            if time == 1 { throw Failure() }
            return JSONBody.response(["time": time])
        }
        #expect(try await nodes.post().status == 500)
        #expect(try await nodes.post(node: 1).body == #"{"time":2}"#)
    }

    @Test func `A body beyond the limit is refused before anything is done`() async throws {
        let nodes = IdempotentNodes(store: MemoryIdempotencyStore(), maximumBodyBytes: 10)
        let answer = try await nodes.post(body: String(repeating: "x", count: 11))
        #expect(answer.status == 413 && answer.problem == "body-too-large" && nodes.times == 0)
        #expect(try await nodes.post(body: String(repeating: "x", count: 10)).status == 200)
    }

    @Test func `The route still reads its body`() async throws {
        let nodes = IdempotentNodes(store: MemoryIdempotencyStore()) { request, _ in
            Response(status: .ok, body: try await request.body.collect(upTo: 100))
        }
        #expect(try await nodes.post(body: "what was sent").body == "what was sent")
        #expect(try await nodes.post(body: "what was sent").body == "what was sent")
    }

    @Test(arguments: [true, false])
    func `An answer too large to keep is given once`(saysItsLength: Bool) async throws {
        let text = String(repeating: "x", count: IdempotencyLimits.answerBytes)
        let nodes = IdempotentNodes(store: MemoryIdempotencyStore()) { _, _ in
            let body = ByteBuffer(string: text)
            return saysItsLength ? Response(status: .ok, body: body) : Response(status: .ok) { try await $0.write(body) }
        }
        let first = try await nodes.post()
        #expect(first.status == 200 && first.body == text)
        let second = try await nodes.post(node: 1)
        #expect(second.status == 409 && second.problem == "answer-not-kept" && second.isReplayed)
        #expect(second.headers[.contentType] == Problem.contentType)
        #expect(nodes.times == 1)
    }

    // MARK: - The store away

    @Test func `Without its store a keyed request is not carried out`() async throws {
        let store = UnreliableIdempotencyStore()
        store.setAway(true)
        let nodes = IdempotentNodes(store: store)
        let answer = try await nodes.post()
        #expect(answer.status == 503 && answer.problem == "idempotency-unavailable" && nodes.times == 0)
        #expect(answer.headers[.retryAfter] == "1" && !answer.body.contains("10.0.0.5"))
        store.setAway(false)
        #expect(try await nodes.post().status == 200)
    }

    @Test(arguments: [HTTPResponse.Status.ok, .serviceUnavailable])
    func `A store that went away learns the end when it is back`(status: HTTPResponse.Status) async throws {
        let store = UnreliableIdempotencyStore()
        let clock = SteppingClock()
        let gate = Gate()
        clock.duringSleep { number in
            // The caller has its answer while the store is still unreachable.
            if number == 2 { await gate.pass() }
        }
        let nodes = IdempotentNodes(store: store, clock: clock) { _, time in
            store.setAway(time == 1)
            return Response(status: time == 1 ? status : .ok, body: ByteBuffer(string: "time \(time)"))
        }
        let first = try await nodes.post()
        #expect(first.status == status.code && first.body == "time 1")
        await gate.arrival()
        #expect(try await nodes.post(node: 1).status == 503)
        store.setAway(false)
        gate.open()
        let expected = status == .ok ? "time 1" : "time 2"
        #expect(try await eventually { try await nodes.post(node: 1).body == expected })
        #expect(nodes.times == (status == .ok ? 1 : 2))
    }
}
