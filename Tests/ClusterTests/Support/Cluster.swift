import NIOConcurrencyHelpers
import TestSupport
import Testing

/// A Redis and nodes of the built program, named a, b, c and on, for one test.
final class Cluster: Sendable {
    /// Announcements are off where a test does not say otherwise: they would be between the messages that it counts.
    static let quiet = ["--announcements-per-second", "off"]

    private let backend: any TestRedis
    /// Of every request to a node.
    let headers: [String: String]
    private let running: NIOLockedValueBox<[TestNode]>

    private init(backend: any TestRedis, headers: [String: String]) {
        self.backend = backend
        self.headers = headers
        self.running = NIOLockedValueBox([])
    }

    /// Starts a cluster, runs a test with it, and stops it whatever became of the test.
    /// - Parameter headers: of every request to a node, such as a token.
    static func run(
        nodes: Int = 3,
        options: [String] = Cluster.quiet,
        headers: [String: String] = [:],
        _ body: (Cluster) async throws -> Void
    ) async throws {
        try await self.run(nodes: nodes, options: options, headers: headers, on: try RedisServer.start(), body)
    }

    /// As ``run(nodes:options:headers:_:)``, with a Redis of the test's own, which is stopped too.
    static func run(
        nodes: Int,
        options: [String] = Cluster.quiet,
        headers: [String: String] = [:],
        on backend: any TestRedis,
        _ body: (Cluster) async throws -> Void
    ) async throws {
        let cluster = Cluster(backend: backend, headers: headers)
        do {
            try await withThrowingDiscardingTaskGroup { group in
                for name in ["a", "b", "c"].prefix(nodes) {
                    group.addTask { try await cluster.start(name, options: options) }
                }
            }
            try await cluster.waitUntilAcquainted()
            try await body(cluster)
        } catch {
            for node in cluster.nodes { Issue.record("Node \(node.name) wrote:\n\(node.process.output.suffix(4000))") }
            cluster.stop()
            throw error
        }
        for node in cluster.nodes where !node.process.isRunning {
            Issue.record("Node \(node.name) ended:\n\(node.process.output.suffix(4000))")
        }
        cluster.stop()
    }

    /// Starts another node.
    @discardableResult
    func start(
        _ name: String,
        options: [String] = Cluster.quiet,
        port: Int? = nil,
        until milestone: VolaryProcess.Milestone = .ready
    ) async throws -> TestNode {
        let process = try await VolaryProcess.start(
            ["--redis", self.backend.url, "--node-name", name] + options,
            port: port,
            until: milestone
        )
        let node = TestNode(name: name, process: process, headers: self.headers)
        self.running.withLockedValue { running in
            running.append(node)
            running.sort { $0.name < $1.name }
        }
        return node
    }

    /// A node that the test ends itself, or has ended.
    func forget(_ node: TestNode) {
        self.running.withLockedValue { $0.removeAll { $0 === node } }
    }

    /// kill -9.
    func kill(_ node: TestNode) {
        self.forget(node)
        node.process.kill()
    }

    private func stop() {
        for node in self.nodes { node.process.kill() }
        self.backend.stop()
    }

    /// Of a test that has not brought its own.
    var redis: RedisServer {
        guard let server = self.backend as? RedisServer else { preconditionFailure("the test knows its Redis itself") }
        return server
    }

    var nodes: [TestNode] { self.running.withLockedValue { $0 } }
    var a: TestNode { self.nodes[0] }
    var b: TestNode { self.nodes[1] }
    var c: TestNode { self.nodes[2] }

    /// Each node knows each by name: it looks who is there once a heartbeat.
    private func waitUntilAcquainted() async throws {
        let names = self.nodes.map(\.name)
        for node in self.nodes {
            let knowsAll = try await eventually {
                let receipt = try await node.broadcast("Is everyone there?")
                return receipt.nodes.map(\.node) == names && receipt.missing.isEmpty
            }
            try #require(knowsAll, "node \(node.name) does not know all of \(names)")
        }
    }

    /// Every node's list is complete and has this many connections.
    func waitForConnections(_ count: Int, within deadline: Duration = .seconds(30)) async throws {
        for node in self.nodes {
            let came = try await eventually(within: deadline) { try await node.count() == count }
            guard came else {
                let list = try await node.request("GET", "/api/connections?limit=1")
                try #require(came, "node \(node.name) does not list \(count): \(list.body)")
                return
            }
        }
    }
}

/// What a cluster's nodes can be linked to.
protocol TestRedis: Sendable {
    /// For `--redis`.
    var url: String { get }
    func stop()
}

extension RedisServer: TestRedis {}
extension SentinelCluster: TestRedis {}

/// One node without Redis, for one test.
func withSingleNode(
    options: [String] = Cluster.quiet,
    environment: [String: String] = [:],
    tls: TestCertificate? = nil,
    _ body: (TestNode) async throws -> Void
) async throws {
    let process = try await VolaryProcess.start(["--node-name", "solo"] + options, environment: environment, tls: tls)
    do {
        try await body(TestNode(name: "solo", process: process))
    } catch {
        Issue.record("The node wrote:\n\(process.output.suffix(4000))")
        process.kill()
        throw error
    }
    #expect(process.isRunning, "The node ended:\n\(process.output.suffix(4000))")
    process.kill()
}
