import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// One node that serves, and another one, `b`, which may be in the presence store and never answers.
@Suite
struct SilentNodeTests {
    private static let b = NodeRecord(
        id: NodeID(rawValue: 0xB),
        name: "b",
        version: "1",
        startedAt: 0,
        leaseMilliseconds: 60_000
    )
    private static let connection = ConnectionID.random(on: Self.b.id)
    private static let send = "/api/connections/\(Self.connection)/send"
    /// All requests for one connection except for pushes.
    private static let requests = [
        ("DELETE", "/api/connections/\(Self.connection)"), ("PUT", "/api/groups/g/connections/\(Self.connection)"),
        ("DELETE", "/api/groups/g/connections/\(Self.connection)"),
    ]

    private struct Scene {
        let node: APITestNode
        let id: NodeID
        /// The presence store of the node that serves, which can fail.
        let store: FlakyStore
        /// The same store, without failures.
        let presence: MemoryPresenceStore

        func post(_ target: String, key: String? = nil) async throws -> HTTPTestResponse {
            let headers = key.map { ["Idempotency-Key": $0] } ?? [:]
            return try await self.node.http.request("POST", target, headers: headers, body: #"{"message":"hello"}"#)
        }

        func register(_ record: NodeRecord = SilentNodeTests.b) async throws {
            try await self.presence.register(record, claiming: .shared)
            let connection = ConnectionRecord(id: SilentNodeTests.connection, protocol: "plain", connectedAt: 0)
            _ = try await self.presence.update(record.id, adding: [connection], removing: [])
        }
    }

    /// The node reads the presence store at its start, and again after 12 s.
    private func with(
        knowsOther: Bool,
        makeBroker: @escaping (NodeID, any EventLoop) -> any Broker,
        body: (Scene) async throws -> Void
    ) async throws {
        let shared = MemoryPresence()
        let store = FlakyStore(shared: shared)
        let presence = MemoryPresenceStore(shared: shared)
        if knowsOther { try await presence.register(Self.b, claiming: .shared) }
        let id = NIOLockedValueBox<NodeID?>(nil)
        let makeLinks = { (own: NodeID, eventLoop: any EventLoop) in
            id.withLockedValue { $0 = own }
            return NodeServer.ClusterServices(broker: makeBroker(own, eventLoop), store: store)
        }
        try await APITestNode.with([.nodeName: "a", .lease: "60s"], makeLinks: makeLinks) { node in
            let scene = Scene(node: node, id: try #require(id.withLockedValue { $0 }), store: store, presence: presence)
            if knowsOther { try await scene.register() }
            try await body(scene)
        }
    }

    /// - Parameter outcome: the outcome of every publication.
    private func publishing(
        _ outcome: PublishOutcome,
        knowsOther: Bool = true,
        _ body: (Scene, RecordingBroker) async throws -> Void
    ) async throws {
        let broker = RecordingBroker(outcome: .success(outcome))
        try await self.with(knowsOther: knowsOther, makeBroker: { _, _ in broker }, body: { try await body($0, broker) })
    }

    // MARK: - One connection

    @Test func `What is asked of a node that is nowhere is refused, and not sent`() async throws {
        try await self.publishing(.relayed(receivers: 0), knowsOther: false) { scene, broker in
            for _ in 0..<2 { #expect(try await scene.post(Self.send, key: "key").problem == "unknown-connection") }
            for (method, target) in Self.requests {
                #expect(try await scene.node.http.request(method, target).problem == "unknown-connection")
            }
            let drained = try await scene.post("/api/nodes/\(Self.b.id)/drain")
            #expect(drained.problem == "unknown-node")
            #expect(broker.published.isEmpty)
        }
    }

    @Test func `A message that nobody has got yet keeps its key`() async throws {
        try await self.publishing(.relayed(receivers: 0)) { scene, broker in
            // The node was removed after the last heartbeat.
            try await scene.presence.unregister(Self.b.id)
            let first = try await scene.post(Self.send, key: "key")
            #expect(first.status == 200, "\(first.body)")
            #expect(first.json["recipients"] as? Int == 0 && first.json["missing"] as? [String] == ["b"])
            #expect(try await scene.post(Self.send, key: "key").body == first.body)
            #expect(broker.published.count == 1)
            // A request first has time to refresh the directory.
            for (method, target) in Self.requests {
                #expect(try await scene.node.http.request(method, target).status == 404)
            }
            #expect(broker.published.count == 1)
        }
    }

    @Test(arguments: [PublishOutcome.relayed(receivers: 0), .degraded(here: false)])
    func `What waits for a node that is listed is not refused`(outcome: PublishOutcome) async throws {
        try await self.publishing(outcome) { scene, broker in
            for (method, target) in Self.requests {
                let answer = try await scene.node.http.request(method, target)
                #expect(answer.status == 504 && answer.problem == "node-silent", "\(method): \(answer.body)")
            }
            #expect(try await scene.post("/api/nodes/\(Self.b.id)/drain").status == 504)
            #expect(broker.published.count == 4)
        }
    }

    @Test func `A trace names the node that does not answer`() async throws {
        try await self.publishing(.relayed(receivers: 2)) { scene, _ in
            let push = try await scene.post("/api/connections/broadcast")
            let id = try #require(push.json["id"] as? String)
            let known = try await scene.node.http.request("GET", "/api/messages/\(id)")
            #expect(known.status == 200 && known.json["missing"] as? [String] == ["b"], "\(known.body)")
            let unknown = try await scene.node.http.request("GET", "/api/messages/\(PublicationID.random(on: Self.b.id))")
            #expect(unknown.problem == "unknown-message")
            #expect((unknown.json["detail"] as? String)?.contains("did not answer: b.") == true, "\(unknown.body)")
        }
    }

    @Test func `A node that came since the last look is found`() async throws {
        try await self.publishing(.relayed(receivers: 0), knowsOther: false) { scene, broker in
            try await scene.register()
            let answer = try await scene.post(Self.send)
            #expect(answer.status == 200, "\(answer.body)")
            #expect(answer.json["missing"] as? [String] == ["b"])
            #expect(broker.published.count == 1)
        }
    }

    @Test func `Without an answer of the presence store, the node asks those that it saw last`() async throws {
        try await self.publishing(.relayed(receivers: 0)) { scene, broker in
            scene.store.fail(true)
            let answer = try await scene.post(Self.send)
            #expect(answer.status == 200 && answer.json["missing"] as? [String] == ["b"], "\(answer.body)")
            for (method, target) in Self.requests {
                #expect(try await scene.node.http.request(method, target).status == 504)
            }
            #expect(broker.published.count == 4)
            let other = ConnectionID.random(on: NodeID(rawValue: 0xC))
            #expect(try await scene.post("/api/connections/\(other)/send").problem == "presence-unavailable")
            #expect(try await scene.node.http.request("DELETE", "/api/connections/\(other)").problem == "presence-unavailable")
            #expect(broker.published.count == 4)
        }
    }

    @Test func `A presence store that has lost this node says nothing of the others`() async throws {
        try await self.publishing(.relayed(receivers: 0)) { scene, broker in
            for id in [scene.id, Self.b.id] { try await scene.presence.unregister(id) }
            for (method, target) in Self.requests {
                #expect(try await scene.node.http.request(method, target).status == 504)
            }
            #expect(broker.published.count == 3)
        }
    }

    @Test func `Not written in time is not refused, though the presence store does not answer`() async throws {
        let bus = MemoryBus()
        let broker = MemoryBroker(bus: bus, node: Self.b.id, eventLoop: MultiThreadedEventLoopGroup.singleton.any())
        broker.attach(Unmoved(broker: broker))
        try await broker.subscribe(to: .node(Self.b.id))
        let makeBroker = { (own: NodeID, eventLoop: any EventLoop) in MemoryBroker(bus: bus, node: own, eventLoop: eventLoop) }
        try await self.with(knowsOther: true, makeBroker: makeBroker) { scene in
            scene.store.fail(true)
            let answer = try await scene.post("\(Self.send)?wait=written")
            #expect(answer.status == 200, "\(answer.body)")
            #expect(answer.json["recipients"] as? Int == 0 && answer.json["notConnected"] == nil)
            // Without `written`, the connection's node knows the result.
            #expect(try await scene.post(Self.send).status == 404)
        }
    }

    // MARK: - Many

    /// `b` is subscribed, and ignores all messages.
    private func withSilentSubscriber(_ topics: Topic..., body: (Scene) async throws -> Void) async throws {
        let bus = MemoryBus()
        let silent = MemoryBroker(bus: bus, node: Self.b.id, eventLoop: MultiThreadedEventLoopGroup.singleton.any())
        for topic in topics { try await silent.subscribe(to: topic) }
        try await self.with(knowsOther: false, makeBroker: { MemoryBroker(bus: bus, node: $0, eventLoop: $1) }, body: body)
    }

    @Test func `A broadcast waits for a node that came since the last look, and names it`() async throws {
        try await self.withSilentSubscriber(.all) { scene in
            try await scene.register()
            let start = ContinuousClock.now
            let answer = try await scene.post("/api/connections/broadcast?timeout=700ms")
            #expect(start.duration(to: .now) >= .milliseconds(690))
            #expect(answer.status == 200, "\(answer.body)")
            #expect(answer.json["missing"] as? [String] == ["b"])
        }
    }

    @Test func `A subscriber that is no node is not waited for`() async throws {
        try await self.withSilentSubscriber(.all) { scene in
            let start = ContinuousClock.now
            let answer = try await scene.post("/api/connections/broadcast?timeout=30s")
            #expect(start.duration(to: .now) < .seconds(20))
            #expect(answer.status == 200, "\(answer.body)")
            #expect(answer.json["missing"] as? [String] == [])
        }
    }

    @Test func `A push to a group names such a node, and not the one that answers`() async throws {
        try await self.withSilentSubscriber(.group(try #require(AudienceName("g")))) { scene in
            try await scene.register()
            let answer = try await scene.post("/api/groups/g/send?timeout=100ms")
            #expect(answer.status == 200, "\(answer.body)")
            #expect(answer.json["missing"] as? [String] == ["b"])
        }
    }
}

/// Sends a receipt with 0 recipients.
private final class Unmoved: BrokerReceiver {
    private let broker: MemoryBroker

    init(broker: MemoryBroker) { self.broker = broker }

    func receive(_ envelopes: [Envelope]) {
        for case .publication(let publication) in envelopes.map(\.message) {
            let receipt = Receipt(id: publication.id, connections: 0)
            self.broker.publish(.receipts([receipt]), to: .node(publication.id.node), completion: nil)
        }
    }

    func missed(_ gaps: [BrokerGap]) {}
}
