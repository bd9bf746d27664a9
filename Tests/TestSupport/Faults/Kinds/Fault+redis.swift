extension Fault {
    /// Redis' process dies, freezes, or is restarted.
    static let redisProcess = [
        Fault("redis-killed", "Redis killed; restarted empty after about twenty connection attempts of every node", mayTell: true)
        { cluster in
            cluster.redis.kill()
            try await Self.proveUnready(cluster.nodes)
            try await Self.proveAttempts(of: cluster.nodes)
            try cluster.eraseData()
            try cluster.redis.restart()
        },
        Fault("redis-restarted-empty", "Redis restarted at once, empty", mayTell: true) { cluster in
            try await Self.restart(cluster, erasing: true)
        },
        Fault("redis-restarted", "Redis restarted at once, with its data (AOF)") { cluster in
            try await Self.restart(cluster, erasing: false)
        },
        Fault("redis-loading", "Redis restarted; loading its data takes seconds (LOADING)") { cluster in
            let fill = "for i = 1, 20000 do redis.call('SET', 'fill:' .. i, i) end return 1"
            try Self.prove("the data to load could not be written", cluster.redis.administer("EVAL", fill, "0") == ":1\r\n")
            try cluster.redis.restart(arguments: ["--key-load-delay", "100"])
            let isLoading = { cluster.redis.administer("PING")?.hasPrefix("-LOADING") == true }
            try Self.prove("Redis does not report LOADING", isLoading())
            try Self.prove("Redis does not finish loading", await eventually(within: .seconds(30)) { !isLoading() })
            // The data is deleted, from the file too, because the Redis of the next fault must load other data.
            cluster.redis.administer("EVAL", fill.replacing("'SET'", with: "'DEL'").replacing(", i)", with: ")"), "0")
            cluster.redis.administer("BGREWRITEAOF")
        },
        Fault("redis-frozen-1s", "Redis frozen for 1 s (SIGSTOP)") { cluster in
            try await Self.freeze(cluster, for: .seconds(1))
        },
        Fault("redis-frozen-5s", "Redis frozen for 5 s", isFast: false) { cluster in
            try await Self.freeze(cluster, for: .seconds(5))
        },
        Fault("redis-frozen-lease", "Redis frozen for longer than the lease") { cluster in
            try await Self.freeze(cluster, for: cluster.lease + .seconds(2))
        },
    ]

    private static func restart(_ cluster: FaultCluster, erasing: Bool) async throws {
        cluster.redis.administer("SET", "survivor", "1")
        cluster.redis.kill()
        if erasing { try cluster.eraseData() }
        try cluster.redis.restart()
        var survivors: String?
        _ = await eventually {
            survivors = cluster.redis.administer("EXISTS", "survivor")
            return survivors?.hasPrefix(":") == true
        }
        try Self.prove("the data of Redis \(erasing ? "still exists" : "is gone")", survivors == (erasing ? ":0\r\n" : ":1\r\n"))
    }

    private static func freeze(_ cluster: FaultCluster, for time: Duration) async throws {
        try await Self.silence(of: cluster, for: time) {
            cluster.redis.freeze()
        } end: {
            cluster.redis.thaw()
        }
    }

    /// Proves that Redis executes no command for this time.
    static func silence(
        of cluster: FaultCluster,
        command: String = "PING",
        for time: Duration,
        begin: () -> Void,
        end: () -> Void
    ) async throws {
        let client = try await RawTestClient.connect(port: cluster.redis.port)
        try await client.send("AUTH admin admin\r\n")
        try Self.prove("the user admin cannot log in", await eventually { client.received == "+OK\r\n" })
        begin()
        defer { end() }
        try await client.send("\(command)\r\n")
        try await Task.sleep(for: time)
        try Self.prove("Redis answered \(client.received)", client.received == "+OK\r\n")
    }
}
