import NIOConcurrencyHelpers
import TestSupport
import Testing

/// A Redis and nodes of the built program, named a, b, c and so on, for one test.
final class Cluster: Sendable {
    /// Announcements are off by default: they would come between the messages that a test counts.
    static let quiet = ["--announcements-per-second", "off"]

    private let backend: any TestRedis
    /// Headers of every request to a node.
    let headers: [String: String]
    private let running: NIOLockedValueBox<[TestNode]>

    private init(backend: any TestRedis, headers: [String: String]) {
        self.backend = backend
        self.headers = headers
        self.running = NIOLockedValueBox([])
    }

    /// Starts a cluster, runs a test with it, and stops it whatever the result.
    /// - Parameter headers: of every request to a node, such as a token.
    static func run(
        nodes: Int = 3,
        options: [String] = Cluster.quiet,
        headers: [String: String] = [:],
        _ body: (Cluster) async throws -> Void
    ) async throws {
        try await self.run(nodes: nodes, options: options, headers: headers, on: try RedisServer.start(), body)
    }

    /// Like ``run(nodes:options:headers:_:)``, with a Redis that the test provides, which is stopped too.
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
            try await cluster.waitUntilNodesKnowEachOther()
            try await body(cluster)
        } catch {
            for node in cluster.nodes { Issue.record("Node \(node.name) logged:\n\(node.process.output.suffix(4000))") }
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

    /// Removes a node that the test stops itself.
    func forget(_ node: TestNode) {
        self.running.withLockedValue { $0.removeAll { $0 === node } }
    }

    /// Kills a node with SIGKILL.
    func kill(_ node: TestNode) {
        self.forget(node)
        node.process.kill()
    }

    private func stop() {
        for node in self.nodes { node.process.kill() }
        self.backend.stop()
    }

    /// Only for tests that do not provide their own.
    var redis: RedisServer {
        guard let server = self.backend as? RedisServer else { preconditionFailure("the test provides its own Redis") }
        return server
    }

    var nodes: [TestNode] { self.running.withLockedValue { $0 } }
    var a: TestNode { self.nodes[0] }
    var b: TestNode { self.nodes[1] }
    var c: TestNode { self.nodes[2] }

    /// Waits until every node knows the names of all others, which nodes update with each heartbeat.
    private func waitUntilNodesKnowEachOther() async throws {
        let names = self.nodes.map(\.name)
        for node in self.nodes {
            let knowsAll = try await eventually {
                let receipt = try await node.broadcast("Is everyone there?")
                return receipt.nodes.map(\.node) == names && receipt.missing.isEmpty
            }
            try #require(knowsAll, "node \(node.name) does not know all of \(names)")
        }
    }

    /// Waits until every node's list is complete and contains this many connections.
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

/// A Redis for the nodes of a cluster.
protocol TestRedis: Sendable {
    /// The value of `--redis`.
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
        Issue.record("The node logged:\n\(process.output.suffix(4000))")
        process.kill()
        throw error
    }
    #expect(process.isRunning, "The node ended:\n\(process.output.suffix(4000))")
    process.kill()
}
