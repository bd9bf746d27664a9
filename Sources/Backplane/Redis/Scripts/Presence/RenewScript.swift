extension RedisScript {
    /// Extends a live lease to its full length and rewrites the node's record. Also shortens the leases of other nodes that last
    /// longer than they may: they were written while Redis' clock was ahead.
    ///
    /// KEYS: 1 leases, 2 names, 3 the node's record, 4 its mark that it was reaped. ARGV: 1 id, 2 lease in ms, 3 lifetime of the
    /// keys in ms, 4 name, 5 record, 6 `1` while not all of its connections are in the store, 7 the number of the lease, 8 the
    /// registry's prefix.
    ///
    /// Returns 1; 0, without writing, if there is no live lease of this number, or if a key has been deleted or replaced.
    static let renew = RedisScript(
        name: "renew",
        source: Self.clock + Self.attempt + Self.backstop + Self.foreign + """
            local expiry = attempt('ZSCORE', KEYS[1], ARGV[1])
            if not expiry or tonumber(expiry) <= now or attempt('HGET', KEYS[3], 'number') ~= ARGV[7] then return 0 end
            if isForeign(KEYS[2], 'hash') then return 0 end
            local long = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now + ARGV[2], '+inf', 'WITHSCORES')
            for i = 1, #long, 2 do
                local lease = tonumber(attempt('HGET', ARGV[8] .. ':record:' .. long[i], 'lease') or ARGV[2]) or tonumber(ARGV[2])
                -- A day, of which no lease is as long.
                lease = math.min(math.max(lease, 0), 86400000)
                if tonumber(long[i + 1]) > now + lease then redis.call('ZADD', KEYS[1], now + lease, long[i]) end
            end
            redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
            redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
            redis.call('HSET', KEYS[3], 'lease', ARGV[2], 'record', ARGV[5], 'registering', ARGV[6])
            redis.call('PEXPIRE', KEYS[3], ARGV[3])
            redis.call('UNLINK', KEYS[4])
            keep(KEYS[1], ARGV[3])
            keep(KEYS[2], ARGV[3])
            return 1
            """
    )

    /// Extends a live lease to its full length and stores how many connections the node has.
    ///
    /// KEYS: 1 leases, 2 the node's record. ARGV: 1 id, 2 the number of the lease, 3 connections.
    /// Returns 1; 0, without writing, if there is no live lease of this number.
    static let extend = RedisScript(
        name: "extend",
        source: Self.clock + Self.attempt + """
            local expiry = attempt('ZSCORE', KEYS[1], ARGV[1])
            local fields = attempt('HMGET', KEYS[2], 'number', 'lease')
            if not expiry or tonumber(expiry) <= now or not fields or fields[1] ~= ARGV[2] then return 0 end
            redis.call('ZADD', KEYS[1], 'GT', now + value(fields[2]), ARGV[1])
            redis.call('HSET', KEYS[2], 'connections', ARGV[3])
            return 1
            """
    )
}
