extension RedisScript {
    /// Reads one connection of a live node.
    ///
    /// KEYS: 1 nodes, 2 names, 3 `<node>details`, 4 `<node>record`. ARGV: 1 the node's id, 2 the connection's id. Returns the
    /// node's name and the details; nil if the connection does not exist or the node has no live lease; 1 if the connection
    /// does not exist and the node is still registering.
    static let connection = RedisScript(
        name: "connection",
        source: Self.clock + Self.attempt + Self.registering + """
            local expiry = redis.call('ZSCORE', KEYS[1], ARGV[1])
            if not expiry or tonumber(expiry) <= now then return false end
            local details = redis.call('HGET', KEYS[3], ARGV[2])
            if not details then return registering(KEYS[4]) and 1 or false end
            return {redis.call('HGET', KEYS[2], ARGV[1]) or ARGV[1], details}
            """
    )
}
