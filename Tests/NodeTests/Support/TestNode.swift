import Backplane
import Logging
import NIOConcurrencyHelpers
import NIOCore
import Protocol
import ServiceLifecycle
import TestSupport

@testable import Node

/// A whole node in this process, on a port of its own; several share a memory bus and a memory presence.
final class TestNode: Sendable {
    let id: NodeID
    let name: String
    let port: Int
    private let group: ServiceGroup
    private let task: Task<Void, any Error>

    private init(id: NodeID, name: String, port: Int, group: ServiceGroup, task: Task<Void, any Error>) {
        self.id = id
        self.name = name
        self.port = port
        self.group = group
        self.task = task
    }

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
        flags[.port] = "0"
        flags[.threads] = flags[.threads] ?? "2"
        flags[.announcementsPerSecond] = flags[.announcementsPerSecond] ?? "off"
        let configuration = try ConfigurationLoader(flags: flags, environment: [:], file: nil).load()
        let port = NIOLockedValueBox<Int?>(nil)
        var nodeID: NodeID?
        let server = try NodeServer(
            configuration: configuration,
            logger: .quiet,
            makeLinks: { id, eventLoop in
                nodeID = id
                return NodeServer.Links(broker: MemoryBroker(bus: bus, node: id, eventLoop: eventLoop), store: store)
            },
            onListening: { listening in port.withLockedValue { $0 = listening } }
        )
        let group = ServiceGroup(configuration: ServiceGroupConfiguration(services: [server], logger: .quiet))
        let task = Task { try await group.run() }
        guard await eventually({ port.withLockedValue { $0 } != nil }), let port = port.withLockedValue({ $0 }), let nodeID else {
            await group.triggerGracefulShutdown()
            throw TestClient.Failure(text: "\(name) does not listen")
        }
        return TestNode(id: nodeID, name: name, port: port, group: group, task: task)
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
    func stop() async throws {
        await self.beginStop()
        try await self.task.value
    }

    func beginStop() async { await self.group.triggerGracefulShutdown() }

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
