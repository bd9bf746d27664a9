extension RedisScript {
    /// Names the data that Redis holds: a Redis that came back with its data keeps the name, one that came back empty gets another.
    ///
    /// The only key of the broker without an expiry: its absence has to mean that something has removed it.
    /// KEYS: 1 the name. ARGV: 1 the name to give when there is none.
    /// Returns the name; empty when there was none and it could not be given.
    static let identify = RedisScript(
        name: "identify",
        source: """
            local name = redis.pcall('GET', KEYS[1])
            if type(name) == 'string' then return name end
            local written = redis.pcall('SET', KEYS[1], ARGV[1])
            return written.ok and ARGV[1] or ''
            """
    )
}
