extension RedisScript {
    /// Releases an idempotency key that an attempt has reserved and not completed.
    ///
    /// KEYS: as of ``reserve``. ARGV: 1 attempt, 2 the longest lifetime of a key in ms. Returns 1 when it was held.
    static let release = RedisScript(
        name: "release",
        source: Self.clock + Self.attempt + Self.backstop + "local longest = tonumber(ARGV[2])\n" + Self.idempotencyBytes + """
            local taken = redis.call('HMGET', KEYS[1], 'attempt', 'answer', 'bucket', 'bytes')
            if taken[1] ~= ARGV[1] or taken[2] then return 0 end
            redis.call('DEL', KEYS[1])
            add(value(taken[3]), -value(taken[4]))
            return 1
            """
    )
}
