import NIOCore
import TestSupport
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// A whole node in this process, on a port of its own; several share a memory bus and a memory presence.
final class TestNode: Sendable {
    let id: NodeID
    let name: String
    private let running: RunningNode

    private init(id: NodeID, name: String, running: RunningNode) {
        self.id = id
        self.name = name
        self.running = running
    }

    var port: Int { self.running.port }

    /// Runs `body` with that many nodes, all listening, subscribed and listed.
    static func with(
        _ count: Int,
        _ options: [ConfigurationOption: String] = [:],
        makeStore: @escaping @Sendable (MemoryPresence) -> any PresenceStore = { MemoryPresenceStore(shared: $0) },
        _ body: ([TestNode]) async throws -> Void
    ) async throws {
        let bus = MemoryBus()
        let presence = MemoryPresence()
        var nodes: [TestNode] = []
        let result: Result<Void, any Error>
        do {
            for index in 0..<count {
                nodes.append(try await self.start("node-\(index + 1)", options, bus: bus, store: makeStore(presence)))
            }
            for node in nodes { try await node.waitUntilJoined(nodes.count) }
            result = .success(try await body(nodes))
        } catch {
            result = .failure(error)
        }
        for node in nodes { try await node.stop() }
        try result.get()
    }

    private static func start(
        _ name: String,
        _ options: [ConfigurationOption: String],
        bus: MemoryBus,
        store: any PresenceStore
    ) async throws -> TestNode {
        var flags = options
        flags[.nodeName] = name
        var nodeID: NodeID?
        let running = try await RunningNode.start(flags) { id, eventLoop in
            nodeID = id
            return NodeServer.ClusterServices(broker: MemoryBroker(bus: bus, node: id, eventLoop: eventLoop), store: store)
        }
        guard let nodeID else {
            try await running.stop()
            throw TestClient.Failure(text: "\(name) was not linked")
        }
        return TestNode(id: nodeID, name: name, running: running)
    }

    /// Ready, subscribed, and seeing all nodes.
    private func waitUntilJoined(_ count: Int) async throws {
        let isJoined = try await eventually {
            guard try await self.request("GET", "/readyz").status == 200 else { return false }
            let answer = try await self.request("POST", "/api/connections/broadcast", body: #"{"message": "join"}"#)
            let names = (answer.json["nodes"] as? [[String: Any]] ?? []).compactMap { $0["node"] as? String }
            // A node that has not been seen in the presence store yet is named by its id.
            return names.filter { $0.hasPrefix("node-") }.count == count && (answer.json["missing"] as? [Any])?.isEmpty == true
        }
        if !isJoined { throw TestClient.Failure(text: "\(self.name) does not join") }
    }

    /// Begins the graceful shutdown and waits for its end. May be called again.
    func stop() async throws { try await self.running.stop() }

    func beginStop() async { await self.running.beginStop() }

    func open(_ path: String = "/ws", answersClose: Bool = true) async throws -> TestClient {
        try await TestClient.open(port: self.port, path: path, answersClose: answersClose)
    }

    func request(_ method: String, _ path: String, body: String = "") async throws -> TestClient.Answer {
        try await TestClient.request(method, path, port: self.port, body: body)
    }

    /// The ids that this node's inventory lists, once they are so many.
    func listed(_ count: Int) async throws -> [String] {
        var ids: [String] = []
        _ = try await eventually {
            let answer = try await self.request("GET", "/api/connections?limit=1000")
            ids = (answer.json["connections"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
            return ids.count == count
        }
        return ids
    }
}
