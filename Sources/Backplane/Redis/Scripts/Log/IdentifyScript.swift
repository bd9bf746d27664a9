extension RedisScript {
    /// Names the data that Redis holds: a Redis that came back with its data keeps the name, one that came back empty gets another.
    ///
    /// The only key of the broker without an expiry: its absence has to mean that something has removed it.
    /// A name is new for a minute. So long, nodes that come back to a Redis that has lost its data have not told yet which topics they want,
    /// and every message is logged.
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
