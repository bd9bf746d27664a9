extension RedisScript {
    /// One connection of a live node.
    ///
    /// KEYS: 1 nodes, 2 names, 3 `<node>details`. ARGV: 1 the node's id, 2 the connection's.
    /// Returns the node's name and the details; nil when there is no such connection or no live lease.
    static let connection = RedisScript(
        name: "connection",
        source: Self.clock + """
            local expiry = redis.call('ZSCORE', KEYS[1], ARGV[1])
            if not expiry or tonumber(expiry) <= now then return false end
            local details = redis.call('HGET', KEYS[3], ARGV[2])
            if not details then return false end
            return {redis.call('HGET', KEYS[2], ARGV[1]) or ARGV[1], details}
            """
    )
}
