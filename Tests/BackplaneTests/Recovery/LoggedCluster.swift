import Foundation
import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Brokers of one cluster on a real Redis. The last has a proxy of its own before it, so that it alone can be cut off.
struct LoggedCluster {
    static let topics: [Topic] = [.all, .group(AudienceName("blue")), .group(AudienceName("red")), .user(AudienceName("ann"))]
    /// For whatever a slow machine has to do.
    static let timeout = Duration.seconds(45)

    let server: RedisServer
    let nodes: [BrokerEndpoint]
    private let proxy: TCPProxy
    /// Where Redis keeps its files, if it does.
    private let directory: URL

    var last: BrokerEndpoint { self.nodes[self.nodes.count - 1] }

    /// Runs `body` once all nodes are subscribed to all ``topics`` and up.
    static func run(
        of count: Int,
        settings: BrokerSettings = .init(),
        persistence: [String] = [],
        _ body: (LoggedCluster) async throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("volary-log-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let server = try RedisServer.start(arguments: ["--dir", directory.path] + persistence)
        defer { server.stop() }
        let proxy = try await TCPProxy.start(to: server.port)
        let nodes = try (0..<count).map { index in
            try BrokerEndpoint.redis(.init(url: index == count - 1 ? proxy.url : server.url), settings: settings)
        }
        let cluster = LoggedCluster(server: server, nodes: nodes, proxy: proxy, directory: directory)
        try await BrokerKind.run(nodes) { nodes in
            for node in nodes { for topic in Self.topics { try await node.broker.subscribe(to: topic) } }
            #expect(await cluster.isUp())
            try await body(cluster)
        }
        await proxy.stop()
    }

    /// Waits until all nodes are up.
    func isUp() async -> Bool {
        await eventually(within: Self.timeout) { self.nodes.allSatisfy { $0.broker.health.isUp } }
    }

    /// Waits until the nodes have lost links so often, and are up again.
    func isUp(after interruptions: Int) async -> Bool {
        await eventually(within: Self.timeout) {
            self.nodes.allSatisfy { $0.broker.health.interruptions >= interruptions && $0.broker.health.isUp }
        }
    }

    // MARK: - Faults

    /// Again and again while there is load: `fault`, which costs every node its subscribed link, until all are up again, and some load more.
    func suffer(_ fault: () throws -> Void, times: Int, under load: SteadyLoad) async throws {
        try await load.run {
            for round in 1...times {
                try fault()
                #expect(await self.isUp(after: round))
                try await load.goOn()
            }
        }
    }

    func killSubscribers() {
        let answer = self.server.command("CLIENT", "KILL", "TYPE", "pubsub")
        #expect(answer == ":\(self.nodes.count)\r\n")
    }

    /// Cuts the last node off from Redis.
    func cutOffLast() async throws {
        try await self.proxy.set(.hold)
        try await self.proxy.cut()
        #expect(await eventually(within: Self.timeout) { !self.last.broker.health.isUp })
    }

    func bringBackLast() async throws {
        try await self.proxy.set(.pass)
        #expect(await eventually(within: Self.timeout) { self.last.broker.health.isUp })
    }

    /// Lets the last node through to Redis, with a delay each way.
    func slowLast(_ delay: Duration) async throws { try await self.proxy.set(.delay(delay)) }

    /// Kills Redis, and starts it again with nothing but what is in its files.
    func restart(erasing: Bool = false) throws {
        self.server.kill()
        if erasing {
            for file in try FileManager.default.contentsOfDirectory(at: self.directory, includingPropertiesForKeys: nil) {
                try FileManager.default.removeItem(at: file)
            }
        }
        try self.server.restart()
    }

    // MARK: - Publishing

    /// From one node, and waits until Redis has answered for all of them.
    func publish(_ texts: [String], to topic: Topic = .all, from node: Int = 0) async {
        for text in texts {
            #expect(
                await self.nodes[node].publish(text, to: topic)
                    == .success(.relayed(receivers: self.server.subscribers(to: topic) ?? 0))
            )
        }
    }
}
