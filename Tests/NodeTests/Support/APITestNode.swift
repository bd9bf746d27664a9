import Foundation
import Logging
import NIOCore
import TestSupport
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// A complete node in this process, on its own port.
struct APITestNode: Sendable {
    struct Failure: Error {
        var text = ""
    }

    private let running: RunningNode

    var server: NodeServer { self.running.server }
    var port: Int { self.running.port }
    var http: HTTPTestClient { HTTPTestClient(port: self.port) }

    /// Runs `body` while the node serves, then stops the node.
    /// - Parameter makeLinks: the links to other nodes; nil for a cluster of one node.
    static func with(
        _ options: [ConfigurationOption: String] = [:],
        logger: Logger = .quiet,
        makeLinks: ((NodeID, any EventLoop) throws -> NodeServer.ClusterServices)? = nil,
        _ body: (APITestNode) async throws -> Void
    ) async throws {
        try await self.with(1) { _ in
            try await RunningNode.start(options, logger: logger, makeLinks: makeLinks)
        } body: { nodes in
            guard try await eventually({ try await nodes[0].http.request("GET", "/readyz").status == 200 }) else {
                throw Failure(text: "the node does not become ready")
            }
            try await body(nodes[0])
        }
    }

    /// Runs `body` with this number of nodes, named `node-1` and so on, with a common memory bus and memory presence. All are
    /// listening, subscribed and listed.
    static func with(
        _ count: Int,
        _ options: [ConfigurationOption: String] = [:],
        bus: MemoryBus = MemoryBus(),
        makeHubs: @escaping () -> [ServedHub] = { [] },
        makeStore: @escaping @Sendable (MemoryPresence) -> any PresenceStore = { MemoryPresenceStore(shared: $0) },
        _ body: ([APITestNode]) async throws -> Void
    ) async throws {
        let presence = MemoryPresence()
        try await self.with(count) { number in
            try await RunningNode.start(options.merging([.nodeName: "node-\(number)"]) { $1 }, hubs: makeHubs()) {
                id,
                eventLoop in
                NodeServer.ClusterServices(
                    broker: MemoryBroker(bus: bus, node: id, eventLoop: eventLoop),
                    store: makeStore(presence),
                    sessions: SessionService(bus.sessions)
                )
            }
        } body: { nodes in
            for node in nodes { try await node.waitUntilJoined(nodes.count, key: options[.apiKey]) }
            try await body(nodes)
        }
    }

    /// Runs `body` with one node, named as above, for each of these ways to a Redis.
    static func with(
        redis urls: [String],
        _ options: [ConfigurationOption: String] = [:],
        _ body: ([APITestNode]) async throws -> Void
    ) async throws {
        try await self.with(urls.count) { number in
            try await RunningNode.start(options.merging([.nodeName: "node-\(number)", .redis: urls[number - 1]]) { $1 })
        } body: { nodes in
            for node in nodes { try await node.waitUntilJoined(nodes.count, key: options[.apiKey]) }
            try await body(nodes)
        }
    }

    /// - Parameter start: starts the node with this number, beginning with 1.
    private static func with(
        _ count: Int,
        start: (_ number: Int) async throws -> RunningNode,
        body: ([APITestNode]) async throws -> Void
    ) async throws {
        var nodes: [APITestNode] = []
        let result: Result<Void, any Error>
        do {
            for number in 1...count { nodes.append(APITestNode(running: try await start(number))) }
            result = .success(try await body(nodes))
        } catch {
            result = .failure(error)
        }
        for node in nodes { try await node.stop() }
        try result.get()
    }

    /// Waits until the node is ready, subscribed, and knows all nodes.
    private func waitUntilJoined(_ count: Int, key: String?) async throws {
        let headers = key.map { ["authorization": "Bearer \($0)"] } ?? [:]
        let isJoined = try await eventually {
            guard try await self.http.request("GET", "/readyz").status == 200 else { return false }
            let answer = try await self.http.request(
                "POST",
                "/api/connections/broadcast",
                headers: headers,
                body: #"{"message": "join"}"#
            )
            let names = (answer.json["nodes"] as? [[String: Any]] ?? []).compactMap { $0["node"] as? String }
            // A node that has not been found in the presence store yet is named by its id.
            return names.filter { $0.hasPrefix("node-") }.count == count && (answer.json["missing"] as? [Any])?.isEmpty == true
        }
        guard isJoined else { throw Failure(text: "the node on port \(self.port) does not join") }
    }

    /// Begins the graceful shutdown and waits for its end. May be called repeatedly.
    func stop() async throws { try await self.running.stop() }

    func beginStop() async { await self.running.beginStop() }

    func open(_ path: String = "/ws", answersClose: Bool = true) async throws -> TestClient {
        try await TestClient.open(port: self.port, path: path, answersClose: answersClose)
    }

    /// The ids in this node's inventory, once there is this number of them.
    func listed(_ count: Int) async throws -> [String] {
        var ids: [String] = []
        _ = try await eventually {
            let answer = try await self.http.request("GET", "/api/connections?limit=1000")
            ids = (answer.json["connections"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
            return ids.count == count
        }
        return ids
    }

    /// Sends these bytes and returns all answers, until the node ends the connection or waits for a request.
    func answer(to bytes: [UInt8], until isWhole: (String) -> Bool) async throws -> (text: String, isEnded: Bool) {
        let client = try await RawTestClient.connect(port: self.port)
        try await client.send(bytes: bytes)
        _ = await eventually { client.isEnded || isWhole(client.received) }
        return (client.received, client.isEnded)
    }
}

extension HTTPTestResponse {
    /// The last part of the problem type; nil when the answer is not a problem.
    var problem: String? {
        guard self[header: "content-type"] == "application/problem+json" else { return nil }
        return (self.json["type"] as? String)?.replacing("urn:volary:problem:", with: "")
    }

    var field: String? { self.json["field"] as? String }

    var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(self.body.utf8)) as? [String: Any]) ?? [:]
    }
}
