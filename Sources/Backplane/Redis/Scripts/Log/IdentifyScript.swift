extension RedisScript {
    /// Gives the data in Redis a name. After a restart with its data Redis still has the name; after a restart without data it
    /// gets another.
    ///
    /// The key is the broker's only key without an expiry, so its absence means that the data has been removed. A name counts
    /// as new for a minute, in which every message is logged, because nodes that reconnect to a Redis without its data may not
    /// have refreshed the heads of their topics yet.
    ///
    /// KEYS: 1 the name, 2 the mark that it is new. ARGV: 1 the name to set if there is none. Returns the name; empty when
    /// there was none and it could not be set.
    static let identify = RedisScript(
        name: "identify",
        source: """
            local name = redis.pcall('GET', KEYS[1])
            if type(name) == 'string' then return name end
            redis.pcall('SET', KEYS[2], 1, 'EX', 60)
            local written = redis.pcall('SET', KEYS[1], ARGV[1])
            return written.ok and ARGV[1] or ''
            """
    )
}
