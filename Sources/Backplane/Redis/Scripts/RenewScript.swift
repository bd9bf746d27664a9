extension RedisScript {
    /// Prolongs a live lease to its full length and rewrites the record.
    ///
    /// KEYS: 1 nodes, 2 names, 3 `<node>record`, 4 `<node>index`, 5 `<node>details`, 6 `<node>filters`, 7 `<node>reaped`.
    /// ARGV: 1 id, 2 lease in ms, 3 backstop in ms, 4 name, 5 record.
    /// Returns 1; 0, and writes nothing, when there is no live lease. A lease without its record is none: something has deleted keys.
    static let renew = RedisScript(
        name: "renew",
        source: Self.clock + Self.backstop + """
            local expiry = redis.call('ZSCORE', KEYS[1], ARGV[1])
            if not expiry or tonumber(expiry) <= now or redis.call('EXISTS', KEYS[3]) == 0 then return 0 end
            redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
            redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
            redis.call('SET', KEYS[3], ARGV[5], 'PX', ARGV[3])
            redis.call('UNLINK', KEYS[7])
            redis.call('PEXPIRE', KEYS[4], ARGV[3])
            redis.call('PEXPIRE', KEYS[5], ARGV[3])
            redis.call('PEXPIRE', KEYS[6], ARGV[3])
            keep(KEYS[1], ARGV[3])
            keep(KEYS[2], ARGV[3])
            return 1
            """
    )
}
