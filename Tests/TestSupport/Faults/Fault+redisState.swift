extension Fault {
    /// Redis runs and refuses, or lets go of its clients.
    static let redisState = [
        Fault("pubsub-killed", "CLIENT KILL TYPE pubsub") { cluster in
            let answer = cluster.redis.administer("CLIENT", "KILL", "TYPE", "pubsub")
            try Self.prove("no subscriber was killed: \(answer ?? "no answer")", answer == ":\(cluster.nodes.count)\r\n")
        },
        Fault("paused-all", "CLIENT PAUSE 4000 ALL", isFast: false) { cluster in
            try await Self.pause(cluster, "ALL", command: "PING")
        },
        Fault("paused-write", "CLIENT PAUSE 4000 WRITE") { cluster in
            try await Self.pause(cluster, "WRITE", command: "SET paused 1")
        },
        Fault(
            "output-buffer",
            "a node stands still until Redis drops its subscriber (output buffer limit)",
            isFast: false,
            suffering: ["c"]
        ) {
            try await Self.overflow($0)
        },
        Fault("maxmemory", "maxmemory reached (noeviction) until every node has noticed") { cluster in
            cluster.redis.administer("CONFIG", "SET", "maxmemory", "1")
            try Self.prove("there is memory", cluster.redis.administer("SET", "full", "1")?.hasPrefix("-OOM") == true)
            try await Self.proveUnready(cluster.nodes)
            cluster.redis.administer("CONFIG", "SET", "maxmemory", "0")
        },
        Fault("wrong-password", "the password changed until every node has tried some twenty times, connections closed") {
            cluster in
            cluster.redis.administer("CONFIG", "SET", "requirepass", "wrong")
            cluster.redis.administer("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            cluster.redis.administer("CLIENT", "KILL", "TYPE", "pubsub")
            try await Self.refuse(cluster, error: "WRONGPASS")
            cluster.redis.administer("CONFIG", "SET", "requirepass", FaultCluster.password)
        },
        Fault(
            "wrong-password-restart",
            "Redis restarted with another password until every node has tried some twenty times",
            isFast: false
        ) { cluster in
            try cluster.redis.restart(arguments: ["--requirepass", "wrong"])
            try await Self.refuse(cluster, error: "WRONGPASS")
            cluster.redis.administer("CONFIG", "SET", "requirepass", FaultCluster.password)
        },
        Fault("acl-withdrawn", "all rights withdrawn until every node has tried some twenty times (NOPERM)") { cluster in
            cluster.redis.administer("ACL", "SETUSER", "default", "-@all")
            try await Self.refuse(cluster, error: "NOPERM")
            cluster.redis.administer("ACL", "SETUSER", "default", "+@all")
        },
        Fault("read-only", "Redis a replica until every node has tried some twenty times (READONLY)") { cluster in
            // Of a master that is not there: what it has, it keeps.
            cluster.redis.administer("REPLICAOF", "127.0.0.1", "1")
            try Self.prove("it can be written", cluster.redis.administer("SET", "written", "1")?.hasPrefix("-READONLY") == true)
            try await Self.proveAttempts(of: cluster.nodes)
            cluster.redis.administer("REPLICAOF", "NO", "ONE")
        },
    ]

    private static func pause(_ cluster: FaultCluster, _ kind: String, command: String) async throws {
        // Ends by itself: nobody could end a pause of all.
        try await Self.silence(of: cluster, command: command, for: .milliseconds(3800)) {
            cluster.redis.administer("CLIENT", "PAUSE", "4000", kind)
        } end: {
        }
        try await Task.sleep(for: .milliseconds(200))
    }

    /// Nodes get this error, are not ready, and try again and again.
    private static func refuse(_ cluster: FaultCluster, error: String) async throws {
        try await Self.proveUnready(cluster.nodes)
        let counted = await eventually { cluster.redis.administer("INFO", "errorstats")?.contains("errorstat_\(error):") == true }
        try Self.prove("nobody was refused with \(error)", counted)
        try await Self.proveAttempts(of: cluster.nodes)
    }

    private static func overflow(_ cluster: FaultCluster) async throws {
        let frozen = cluster.nodes[2]
        cluster.redis.administer("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1048576 524288 5")
        defer { cluster.redis.administer("CONFIG", "SET", "client-output-buffer-limit", "pubsub 33554432 8388608 60") }
        // Redis knows first: what the proxy has not passed on stands before the connection's end.
        func subscribers() -> Int {
            cluster.redis.administer("CLIENT", "LIST", "TYPE", "pubsub")?.split(separator: "\n").count { $0.contains("id=") } ?? 0
        }
        frozen.process.freeze()
        defer { frozen.process.thaw() }
        // No node's messages, but all nodes are sent them: what they say meanwhile waits behind.
        let channels = cluster.redis.administer("PUBSUB", "CHANNELS")?.split(separator: "\r\n") ?? []
        guard let channel = channels.first(where: { $0.contains("all") }) else { throw FaultError("nobody subscribes to all") }
        let ballast = String(repeating: "x", count: 64 * 1024)
        for _ in 0..<1000 where subscribers() == cluster.nodes.count {
            cluster.redis.administer("PUBLISH", String(channel), ballast)
            try await Task.sleep(for: .milliseconds(5))
        }
        try Self.prove("Redis dropped not one, but left \(subscribers())", subscribers() == cluster.nodes.count - 1)
        try await Task.sleep(for: .seconds(1))
    }
}
