extension Fault {
    /// The master fails, and sentinels choose another. The fault ends when they agree on it.
    static let sentinel = [
        Fault("sentinel-killed", "Sentinel: the master killed", needsSentinels: true, mayTell: true) { cluster in
            try await Self.replaced(cluster) { _, old in old.kill() }
        },
        Fault(
            "sentinel-planned",
            "Sentinel: a planned failover; the old master continues to serve for 10 s",
            isFast: false,
            needsSentinels: true,
            hasTwoMasters: true,
            mayTell: true
        ) {
            cluster in
            try await Self.replaced(cluster) { sentinels, _ in try sentinels.failOver() }
            try Self.prove("the old server is no longer a master", cluster.redis.command("ROLE")?.contains("master") == true)
        },
        Fault(
            "sentinel-frozen",
            "Sentinel: the master frozen, replaced, and resumed",
            isFast: false,
            needsSentinels: true,
            hasTwoMasters: true,
            mayTell: true
        ) {
            cluster in
            try await Self.replaced(cluster) { _, old in old.freeze() }
            cluster.redis.thaw()
        },
    ]

    private static func replaced(_ cluster: FaultCluster, by end: (SentinelCluster, RedisServer) throws -> Void) async throws {
        guard let sentinels = cluster.sentinels else { throw FaultError("There are no sentinels") }
        try Self.prove("the first server is not the master", try sentinels.master === cluster.redis)
        try end(sentinels, cluster.redis)
        _ = try await sentinels.newMaster(after: cluster.redis)
    }
}
