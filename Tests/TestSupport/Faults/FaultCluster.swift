import Foundation

/// A Redis that keeps its data in a file, and nodes a, b, c and on, each with a proxy between it and Redis: for faults. Or three of it with
/// sentinels, and nothing in between.
public final class FaultCluster: Sendable {
    /// Of as many nodes as there may be.
    static let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"]
    /// Redis', for the nodes.
    public static let password = "right"

    /// With sentinels: the first master.
    public let redis: RedisServer
    public let sentinels: SentinelCluster?
    public let nodes: [FaultNode]
    /// How long a silent node's connections stay listed.
    public let lease: Duration
    private let directory: URL

    /// - Parameter withTokens: the nodes take the messages of clients only with a token, which recorded clients and callers have. Others may
    ///   connect, and say nothing to anybody.
    public static func start(
        nodes count: Int = 3,
        lease: Duration = .seconds(5),
        options: [String] = [],
        withSentinels: Bool = false,
        withTokens: Bool = false
    ) async throws -> FaultCluster {
        let directory = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("volary-redis-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let sentinels = withSentinels ? try await SentinelCluster.start(password: Self.password) : nil
        let redis =
            try sentinels?.servers[0]
            ?? RedisServer.start(
                // A killed process has written what it answered for; what fsync would add is for machines that fail.
                arguments: ["--dir", directory.path, "--appendonly", "yes", "--appendfsync", "no"]
                    + ["--requirepass", Self.password, "--maxmemory-policy", "noeviction"] + RedisServer.administrator
            )
        let secret = directory.appendingPathComponent("secret").path
        let token = withTokens ? try await Self.makeToken(secret: secret) : nil
        var nodes: [FaultNode] = []
        for name in Self.names.prefix(count) {
            let proxy = try await TCPProxy.start(to: redis.port)
            nodes.append(
                try await FaultNode.start(
                    name,
                    proxy: proxy,
                    options: ["--redis", sentinels?.url ?? "redis://:\(Self.password)@127.0.0.1:\(proxy.port)"]
                        + ["--node-name", name, "--lease", "\(lease.components.seconds)s", "--announcements-per-second", "off"]
                        + (withTokens ? ["--jwt-key", secret, "--anonymous-clients"] : []) + options,
                    token: token
                )
            )
        }
        return FaultCluster(redis: redis, sentinels: sentinels, nodes: nodes, lease: lease, directory: directory)
    }

    private init(redis: RedisServer, sentinels: SentinelCluster?, nodes: [FaultNode], lease: Duration, directory: URL) {
        self.redis = redis
        self.sentinels = sentinels
        self.nodes = nodes
        self.lease = lease
        self.directory = directory
    }

    /// - Parameter secret: the file that it is written to.
    private static func makeToken(secret: String) async throws -> String {
        try String(repeating: "secret", count: 8).write(toFile: secret, atomically: true, encoding: .utf8)
        let permissions = ["read", "send", "manage", "broadcast"].flatMap { ["--permission", $0] }
        let made = try await VolaryProcess.run(
            ["token", "--jwt-key", secret, "--user", "recorded", "--expires-in", "240h"] + permissions
        )
        guard made.status == 0 else { throw FaultError("no token: \(made.errors)") }
        return made.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    public func stop() async {
        for node in self.nodes {
            node.process.kill()
            await node.proxy.stop()
        }
        self.sentinels?.stop()
        self.redis.stop()
        try? FileManager.default.removeItem(at: self.directory)
    }

    /// Redis' data is gone, as if its disk were; for one that does not run.
    func eraseData() throws {
        for file in try FileManager.default.contentsOfDirectory(at: self.directory, includingPropertiesForKeys: nil) {
            try FileManager.default.removeItem(at: file)
        }
    }

    /// Every node is ready, has nothing left to send, and says of a broadcast that all nodes have it.
    /// - Parameter probe: publishes at a node, and says whether it was answered with 200 by exactly these nodes.
    func isWhole(_ probe: @escaping @Sendable (FaultNode, Set<String>) async -> Bool) async -> Bool {
        let names = Set(self.nodes.map(\.name))
        return await withTaskGroup(of: Bool.self) { group in
            for node in self.nodes {
                group.addTask {
                    guard await node.isReady(), await node.metrics()["volary_relay_waiting"] == 0 else { return false }
                    return await probe(node, names)
                }
            }
            return await group.reduce(true) { $0 && $1 }
        }
    }
}
