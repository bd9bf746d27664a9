extension RedisScript {
    /// Gives the data of a hub in Redis a name. After a restart with its data Redis still has the name; after a restart without
    /// data it gets another.
    ///
    /// The key has no expiry, or a long one that nodes extend while they use the hub, so its absence means that the data has been
    /// removed. A name counts as new for a minute, in which every message is logged, because nodes may not have refreshed the
    /// heads of their topics in the new data yet. A key that holds something else than the name that a node writes is replaced,
    /// and a mark that lasts longer than a minute is shortened.
    ///
    /// KEYS: 1 the name, 2 the mark that it is new. ARGV: 1 the name to set if there is none, at most 20 digits, 2 lifetime of
    /// the name in ms, for a hub that is not the default one. Returns the name; empty when there was none and it could not be
    /// set.
    static let identify = RedisScript(
        name: "identify",
        source: """
            local name = redis.pcall('GET', KEYS[1])
            if type(name) == 'string' and #name <= 20 and string.find(name, '^%d+$') then
                local left = redis.pcall('PTTL', KEYS[2])
                if left == -1 or type(left) == 'number' and left > 60000 then redis.pcall('PEXPIRE', KEYS[2], 60000) end
                if ARGV[2] then redis.pcall('PEXPIRE', KEYS[1], ARGV[2]) end
                return name
            end
            redis.pcall('SET', KEYS[2], 1, 'EX', 60)
            local written = redis.pcall('SET', KEYS[1], ARGV[1])
            if ARGV[2] then redis.pcall('PEXPIRE', KEYS[1], ARGV[2]) end
            return written.ok and ARGV[1] or ''
            """
    )
}
