import Foundation

/// A cluster for faults: a Redis that stores its data in a file, and nodes a, b, c and so on, each with a proxy between it and
/// Redis. Or three servers with sentinels, and no proxies.
public final class FaultCluster: Sendable {
    /// For the largest number of nodes.
    static let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"]
    /// The password of Redis.
    public static let password = "right"

    /// With sentinels, the first master.
    public let redis: RedisServer
    public let sentinels: SentinelCluster?
    public let nodes: [FaultNode]
    /// How long the connections of a node without heartbeats stay listed.
    public let lease: Duration
    let directory: URL
    /// Of the hub of reliable clients.
    let handler: FaultHandler?
    /// Paths with a token for reliable clients, one for each user; empty where there are no such clients.
    let clientPaths: [String]

    /// - Parameters:
    ///   - withTokens: the nodes accept messages of clients only with a token, which recorded clients and callers have. Others may
    ///     connect, but their messages reach nobody.
    ///   - withReliableClients: includes `withTokens`.
    public static func start(
        nodes count: Int = 3,
        lease: Duration = .seconds(5),
        options: [String] = [],
        withSentinels: Bool = false,
        withTokens: Bool = false,
        withReliableClients: Bool = false,
        withHandler: Bool = false
    ) async throws -> FaultCluster {
        let directory = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("volary-redis-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let sentinels = withSentinels ? try await SentinelCluster.start(password: Self.password) : nil
        let redis =
            try sentinels?.servers[0]
            ?? RedisServer.start(
                // A killed process has already written what it has answered; fsync would matter only for a crash of the machine.
                arguments: ["--dir", directory.path, "--appendonly", "yes", "--appendfsync", "no"]
                    + ["--requirepass", Self.password, "--maxmemory-policy", "noeviction"] + RedisServer.administrator
            )
        let secret = directory.appendingPathComponent("secret").path
        let hasTokens = withTokens || withReliableClients
        let token = hasTokens ? try await Self.makeToken(secret: secret) : nil
        let keys = directory.appendingPathComponent("keys").path
        let handler = withHandler ? try await FaultHandler.start() : nil
        let handling = handler.map { ["--event-handler", $0.url, "--event-hub", ReliableTraffic.hub] } ?? []
        let paths = withReliableClients ? try await ReliableTraffic.makePaths(keys: keys) : []
        var nodes: [FaultNode] = []
        for name in Self.names.prefix(count) {
            let proxy = try await TCPProxy.start(to: redis.port)
            nodes.append(
                try await FaultNode.start(
                    name,
                    proxy: proxy,
                    options: ["--redis", sentinels?.url ?? "redis://:\(Self.password)@127.0.0.1:\(proxy.port)"]
                        + ["--node-name", name, "--lease", "\(lease.components.seconds)s", "--announcements-per-second", "off"]
                        + (hasTokens ? ["--jwt-key", secret, "--anonymous-clients"] : [])
                        + (withReliableClients ? ["--access-keys", keys, "--public-hosts", ReliableTraffic.host] : []) + handling
                        + options,
                    token: token
                )
            )
        }
        return FaultCluster(
            redis: redis,
            sentinels: sentinels,
            nodes: nodes,
            lease: lease,
            directory: directory,
            clientPaths: paths,
            handler: handler
        )
    }

    private init(
        redis: RedisServer,
        sentinels: SentinelCluster?,
        nodes: [FaultNode],
        lease: Duration,
        directory: URL,
        clientPaths: [String],
        handler: FaultHandler?
    ) {
        self.handler = handler
        self.clientPaths = clientPaths
        self.redis = redis
        self.sentinels = sentinels
        self.nodes = nodes
        self.lease = lease
        self.directory = directory
    }

    /// - Parameter secret: the file that the secret is written to.
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
            await node.clients.stop()
        }
        await self.handler?.stop()
        self.sentinels?.stop()
        self.redis.stop()
        try? FileManager.default.removeItem(at: self.directory)
    }

    /// Deletes the data of a Redis that does not run, as if its disk were lost.
    func eraseData() throws {
        for file in try FileManager.default.contentsOfDirectory(at: self.directory, includingPropertiesForKeys: nil) {
            try FileManager.default.removeItem(at: file)
        }
    }

    /// Whether every node is ready, has no messages waiting, and gets receipts of all nodes for a broadcast.
    /// - Parameter probe: publishes at a node, and returns whether the answer was 200 with receipts of exactly these nodes.
    func hasRecovered(_ probe: @escaping @Sendable (FaultNode, Set<String>) async -> Bool) async -> Bool {
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
