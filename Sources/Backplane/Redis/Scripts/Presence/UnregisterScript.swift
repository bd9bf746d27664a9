extension RedisScript {
    /// Deletes a node and all its entries.
    ///
    /// KEYS: 1 nodes, 2 names, 3 `<node>record`, 4 `<node>index`, 5 `<node>details`, 6 `<node>filters`,
    /// 7 `<node>reaped`. ARGV: 1 id.
    /// Returns 1.
    static let unregister = RedisScript(
        name: "unregister",
        source: """
            redis.call('UNLINK', KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7])
            redis.pcall('ZREM', KEYS[1], ARGV[1])
            redis.pcall('HDEL', KEYS[2], ARGV[1])
            return 1
            """
    )
}
