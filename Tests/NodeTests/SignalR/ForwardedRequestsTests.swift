import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing
import VolaryBackplane

@testable import VolaryNode
@testable import VolaryProtocol

/// Requests of clients that wait for the nodes of their connections.
struct ForwardedRequestsTests {
    private static let own = NodeID(rawValue: 1)
    private static let owner = NodeID(rawValue: 2)
    private static let connection = ConnectionID.roaming(high: 1, low: 1)

    private static func request(_ action: TransportRequest.Action = .poll) -> TransportRequest {
        TransportRequest(id: .random(on: self.own), hub: "chat", connection: self.connection, user: nil, action: action)
    }

    private static func requests(
        _ broker: RecordingBroker,
        maximumCount: Int = 10,
        live: @escaping @Sendable () -> Set<NodeID>? = { [owner] }
    ) -> ForwardedRequests {
        ForwardedRequests(node: self.own, broker: broker, maximumCount: maximumCount) { live() }
    }

    private static func text(_ result: ForwardedRequest.Result) -> String {
        switch result {
        case .answer(let answer, let node): "\(answer.outcome) \(String(buffer: answer.body)) from \(node.rawValue)"
        case .nobody: "nobody"
        case .unreachable: "unreachable"
        case .overLimit: "over limit"
        }
    }

    @Test func `A request goes to the connection's topic, and its answer comes from the connection's node`() async throws {
        let broker = RecordingBroker()
        let requests = Self.requests(broker)
        let request = Self.request()
        async let result = requests.send(request)
        #expect(await eventually { requests.count == 1 })
        #expect(broker.published == [.init(message: .transportRequest(request), topic: .connection("chat", Self.connection))])
        requests.received(TransportAnswer(id: request.id, outcome: .accepted), from: Self.owner)
        requests.received(TransportAnswer(id: request.id, outcome: .data, body: ByteBuffer(string: "a")), from: Self.owner)
        #expect(Self.text(await result) == "data a from 2")
        // Nothing waits for it.
        requests.received(TransportAnswer(id: request.id, outcome: .data, body: ByteBuffer(string: "b")), from: Self.owner)
        requests.written(true, request, at: Self.owner)
        let told = TransportRequest(
            id: request.id,
            hub: "chat",
            connection: Self.connection,
            user: nil,
            action: .written(true)
        )
        #expect(broker.published.last == .init(message: .transportRequest(told), topic: .node(Self.owner)))
        #expect(requests.count == 0)
    }

    @Test func `Without a subscriber nobody has the connection, and a subscriber may not know it`() async throws {
        let nobody = Self.requests(RecordingBroker(outcome: .success(.relayed(receivers: 0))))
        #expect(Self.text(await nobody.send(Self.request())) == "nobody")
        let requests = Self.requests(RecordingBroker(outcome: .success(.relayed(receivers: 2))))
        let request = Self.request()
        async let result = requests.send(request)
        #expect(await eventually { requests.count == 1 })
        requests.received(TransportAnswer(id: request.id, outcome: .unknown), from: NodeID(rawValue: 3))
        #expect(requests.count == 1)
        requests.received(TransportAnswer(id: request.id, outcome: .unknown), from: NodeID(rawValue: 4))
        #expect(Self.text(await result) == "nobody")
    }

    @Test func `Without Redis no other node is reached`() async {
        for outcome in [.success(.degraded(here: false)), .failure(.outboxFull)] as [Result<PublishOutcome, BrokerError>] {
            let requests = Self.requests(RecordingBroker(outcome: outcome))
            #expect(Self.text(await requests.send(Self.request())) == "unreachable")
        }
    }

    @Test func `A request that a dead node has is answered within a second of the end of its lease`() async {
        let live = NIOLockedValueBox<Set<NodeID>?>([Self.owner])
        let requests = Self.requests(RecordingBroker()) { live.withLockedValue { $0 } }
        let request = Self.request()
        async let result = requests.send(request)
        #expect(await eventually { requests.count == 1 })
        requests.received(TransportAnswer(id: request.id, outcome: .accepted), from: Self.owner)
        // The store does not answer.
        live.withLockedValue { $0 = nil }
        try? await Task.sleep(for: ForwardedRequests.checkInterval * 2)
        #expect(requests.count == 1)
        let start = ContinuousClock.now
        live.withLockedValue { $0 = [Self.own] }
        #expect(Self.text(await result) == "nobody")
        #expect(ContinuousClock.now - start < .seconds(10))
    }

    @Test func `A request without any answer ends after 10 seconds, and every request after 100`() {
        let start = ContinuousClock.now
        var request = ForwardedRequest(at: start)
        #expect(request.published(.success(.relayed(receivers: 1))) == nil)
        #expect(request.check(live: [], at: start + .seconds(10)) == nil)
        #expect(request.check(live: [Self.owner], at: start + .seconds(11)).map(Self.text) == "unreachable")
        #expect(request.received(TransportAnswer(id: .random(on: Self.own), outcome: .accepted), from: Self.owner) == nil)
        #expect(request.check(live: [Self.owner], at: start + .seconds(100)) == nil)
        #expect(request.check(live: [Self.owner], at: start + .seconds(101)).map(Self.text) == "unreachable")
        #expect(request.check(live: [Self.own], at: start + .seconds(1)).map(Self.text) == "nobody")
    }

    @Test func `Count and bytes are limited`() async {
        let requests = Self.requests(RecordingBroker(), maximumCount: 2)
        let tasks = (1...2).map { _ in Task { await requests.send(Self.request()) } }
        #expect(await eventually { requests.count == 2 })
        #expect(Self.text(await requests.send(Self.request())) == "over limit")
        for task in tasks { task.cancel() }
        #expect(await eventually { requests.count == 0 })

        let large = Self.request(.post(ByteBuffer(repeating: 0, count: ForwardedRequests.maximumBytes)))
        async let result = requests.send(large)
        #expect(await eventually { requests.count == 1 })
        #expect(Self.text(await requests.send(Self.request(.post(ByteBuffer(string: "a"))))) == "over limit")
        requests.received(TransportAnswer(id: large.id, outcome: .taken), from: Self.owner)
        #expect(Self.text(await result) == "taken  from 2")
        requests.received(TransportAnswer(id: large.id, outcome: .taken), from: Self.owner)
        let next = Self.request(.post(ByteBuffer(string: "a")))
        async let taken = requests.send(next)
        #expect(await eventually { requests.count == 1 })
        requests.received(TransportAnswer(id: next.id, outcome: .taken), from: Self.owner)
        #expect(Self.text(await taken) == "taken  from 2")
    }

    @Test func `On shutdown the nodes of connections are told to end the polls, and their answers still count`() async {
        let broker = RecordingBroker()
        let requests = Self.requests(broker)
        let (poll, post) = (Self.request(), Self.request(.post(ByteBuffer(string: "a"))))
        async let result = requests.send(poll)
        async let posted = requests.send(post)
        #expect(await eventually { requests.count == 2 && broker.published.count == 2 })
        requests.endPolls()
        #expect(requests.isDraining && requests.count == 2)
        let told = broker.published.dropFirst(2).compactMap { published -> TransportRequest? in
            if case .transportRequest(let request) = published.message { request } else { nil }
        }
        #expect(told.map(\.id) == [poll.id] && told.map(\.action) == [.abandon])
        requests.received(TransportAnswer(id: poll.id, outcome: .data, body: ByteBuffer(string: "a")), from: Self.owner)
        requests.received(TransportAnswer(id: post.id, outcome: .taken), from: Self.owner)
        #expect(Self.text(await result) == "data a from 2")
        #expect(Self.text(await posted) == "taken  from 2")
    }

    @Test func `The poll of a client that is gone is abandoned, a post is not`() async {
        let broker = RecordingBroker()
        let requests = Self.requests(broker)
        let poll = Self.request()
        let task = Task { await requests.send(poll) }
        #expect(await eventually { requests.count == 1 })
        task.cancel()
        #expect(Self.text(await task.value) == "unreachable")
        guard case .transportRequest(let told)? = broker.published.last?.message else {
            Issue.record("nothing is told")
            return
        }
        #expect(told.id == poll.id && told.action == .abandon)
        let post = Self.request(.post(ByteBuffer(string: "a")))
        let posting = Task { await requests.send(post) }
        #expect(await eventually { requests.count == 1 })
        posting.cancel()
        requests.received(TransportAnswer(id: post.id, outcome: .taken), from: Self.owner)
        #expect(Self.text(await posting.value) == "taken  from 2")
    }
}
