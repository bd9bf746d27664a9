extension RedisScript {
    /// Gives the data in Redis a name: after a restart with its data Redis still has the name, after one without it gets another.
    ///
    /// The broker's only key without an expiry: its absence means that the data has been removed.
    /// A name is new for a minute, in which every message is logged: nodes that reconnect to a Redis without its data may not have refreshed the heads
    /// of their topics yet.
    /// KEYS: 1 the name, 2 the mark that it is new. ARGV: 1 the name to give when there is none.
    /// Returns the name; empty when there was none and it could not be given.
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
