extension RedisScript {
    /// Extends a live lease to its full length and rewrites the record. Shortens every lease that ends later than its length
    /// permits, because it was written while Redis's clock was ahead.
    ///
    /// KEYS: 1 nodes, 2 names, 3 `<node>record`, 4 `<node>index`, 5 `<node>details`, 6 `<node>filters`, 7 `<node>reaped`.
    /// ARGV: 1 id, 2 lease in ms, 3 lifetime of the keys in ms, 4 name, 5 record, 6 `<prefix>:node:`, 7 the contents, or
    /// nothing if they are unknown.
    ///
    /// Returns 1; 0, without writing, if there is no live lease. A lease does not count if the record or the name is missing,
    /// or if the contents differ, see ``RedisScript/contents``, because then a key has been deleted or replaced.
    static let renew = RedisScript(
        name: "renew",
        source: Self.clock + Self.attempt + Self.backstop + Self.contents + Self.foreign + """
            local expiry = attempt('ZSCORE', KEYS[1], ARGV[1])
            if not expiry or tonumber(expiry) <= now or redis.call('EXISTS', KEYS[3]) == 0 then return 0 end
            if ARGV[7] ~= '' and ARGV[7] ~= contents() or isForeign(KEYS[2], 'hash') then return 0 end
            local long = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now + ARGV[2], '+inf', 'WITHSCORES')
            for i = 1, #long, 2 do
                local text = attempt('GET', ARGV[6] .. '{' .. long[i] .. '}:record')
                local isJSON, record = pcall(cjson.decode, text or '')
                local lease = isJSON and type(record) == 'table' and tonumber(record.leaseMilliseconds) or tonumber(ARGV[2])
                -- A day, of which no lease is as long.
                lease = math.min(math.max(lease, 0), 86400000)
                if tonumber(long[i + 1]) > now + lease then redis.call('ZADD', KEYS[1], now + lease, long[i]) end
            end
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
