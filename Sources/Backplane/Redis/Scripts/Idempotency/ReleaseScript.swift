extension RedisScript {
    /// Releases an idempotency key that an attempt has reserved and not completed.
    ///
    /// KEYS: 1 the key, as in ``reserve``. ARGV: 1 attempt. Returns 1 when it was held.
    static let release = RedisScript(
        name: "release",
        source: """
            local taken = redis.call('HMGET', KEYS[1], 'attempt', 'answer')
            if taken[1] ~= ARGV[1] or taken[2] then return 0 end
            redis.call('DEL', KEYS[1])
            return 1
            """
    )
}
