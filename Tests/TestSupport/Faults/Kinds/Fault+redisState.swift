extension Fault {
    /// Redis runs, but refuses commands or disconnects its clients.
    static let redisState = [
        Fault("pubsub-killed", "CLIENT KILL TYPE pubsub") { cluster in
            // One of each node, and one more of each that has reliable clients: they choose their nodes at random.
            let nodes = cluster.nodes.count
            let links = cluster.clientPaths.isEmpty ? nodes...nodes : nodes + 1...2 * nodes
            let answer = cluster.redis.administer("CLIENT", "KILL", "TYPE", "pubsub") ?? "no answer"
            let killed = Int(answer.dropFirst().prefix { $0.isNumber }) ?? 0
            try Self.prove("not each subscriber was killed: \(answer)", links.contains(killed))
        },
        Fault("paused-all", "CLIENT PAUSE 4000 ALL", isFast: false) { cluster in
            try await Self.pause(cluster, "ALL", command: "PING")
        },
        Fault("paused-write", "CLIENT PAUSE 4000 WRITE") { cluster in
            try await Self.pause(cluster, "WRITE", command: "SET paused 1")
        },
        Fault(
            "output-buffer",
            "a node frozen until Redis disconnects its subscriber (output buffer limit)",
            isFast: false,
            suffering: ["c"]
        ) {
            try await Self.overflow($0)
        },
        Fault("maxmemory", "maxmemory reached (noeviction) until every node has detected it", mayTell: true) { cluster in
            cluster.redis.administer("CONFIG", "SET", "maxmemory", "1")
            try Self.prove("Redis accepts writes", cluster.redis.administer("SET", "full", "1")?.hasPrefix("-OOM") == true)
            try await Self.proveUnready(cluster.nodes)
            cluster.redis.administer("CONFIG", "SET", "maxmemory", "0")
        },
        Fault("wrong-password", "the password changed, connections closed; about twenty connection attempts of every node") {
            cluster in
            cluster.redis.administer("CONFIG", "SET", "requirepass", "wrong")
            cluster.redis.administer("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            cluster.redis.administer("CLIENT", "KILL", "TYPE", "pubsub")
            try await Self.refuse(cluster, error: "WRONGPASS")
            cluster.redis.administer("CONFIG", "SET", "requirepass", FaultCluster.password)
        },
        Fault(
            "wrong-password-restart",
            "Redis restarted with another password; about twenty connection attempts of every node",
            isFast: false
        ) { cluster in
            try cluster.redis.restart(arguments: ["--requirepass", "wrong"])
            try await Self.refuse(cluster, error: "WRONGPASS")
            cluster.redis.administer("CONFIG", "SET", "requirepass", FaultCluster.password)
        },
        Fault("acl-withdrawn", "all permissions revoked (NOPERM); about twenty connection attempts of every node") { cluster in
            cluster.redis.administer("ACL", "SETUSER", "default", "-@all")
            try await Self.refuse(cluster, error: "NOPERM")
            cluster.redis.administer("ACL", "SETUSER", "default", "+@all")
        },
        Fault("read-only", "Redis made a replica (READONLY); about twenty connection attempts of every node") { cluster in
            // A replica of a server that does not exist, so that it keeps its data.
            cluster.redis.administer("REPLICAOF", "127.0.0.1", "1")
            try Self.prove(
                "Redis accepts writes",
                cluster.redis.administer("SET", "written", "1")?.hasPrefix("-READONLY") == true
            )
            try await Self.proveAttempts(of: cluster.nodes)
            cluster.redis.administer("REPLICAOF", "NO", "ONE")
        },
    ]

    private static func pause(_ cluster: FaultCluster, _ kind: String, command: String) async throws {
        // Ends by itself: while all commands are paused, none can end the pause.
        try await Self.silence(of: cluster, command: command, for: .milliseconds(3800)) {
            cluster.redis.administer("CLIENT", "PAUSE", "4000", kind)
        } end: {
        }
        try await Task.sleep(for: .milliseconds(200))
    }

    /// Waits until nodes have got this error, are not ready, and have tried again repeatedly.
    private static func refuse(_ cluster: FaultCluster, error: String) async throws {
        try await Self.proveUnready(cluster.nodes)
        let counted = await eventually { cluster.redis.administer("INFO", "errorstats")?.contains("errorstat_\(error):") == true }
        try Self.prove("no command was refused with \(error)", counted)
        try await Self.proveAttempts(of: cluster.nodes)
    }

    private static func overflow(_ cluster: FaultCluster) async throws {
        let frozen = cluster.nodes[2]
        cluster.redis.administer("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1048576 524288 5")
        defer { cluster.redis.administer("CONFIG", "SET", "client-output-buffer-limit", "pubsub 33554432 8388608 60") }
        // Redis is asked, because the connection's end is behind the data that the proxy holds.
        func subscribers() -> Int {
            cluster.redis.administer("CLIENT", "LIST", "TYPE", "pubsub")?.split(separator: "\n").count { $0.contains("id=") } ?? 0
        }
        let before = subscribers()
        frozen.process.freeze()
        defer { frozen.process.thaw() }
        // Messages that no node can decode but that all nodes get; the nodes' own messages wait behind them.
        let channels = cluster.redis.administer("PUBSUB", "SHARDCHANNELS")?.split(separator: "\r\n") ?? []
        guard let channel = channels.first(where: { $0.contains("{default}") && $0.hasSuffix(":all") }) else {
            throw FaultError("no node is subscribed to the topic all")
        }
        let ballast = String(repeating: "x", count: 64 * 1024)
        for _ in 0..<1000 where subscribers() == before {
            cluster.redis.administer("SPUBLISH", String(channel), ballast)
            try await Task.sleep(for: .milliseconds(5))
        }
        try Self.prove(
            "Redis must disconnect one subscriber, but \(subscribers()) remain",
            subscribers() == before - 1
        )
        try await Task.sleep(for: .seconds(1))
    }
}
