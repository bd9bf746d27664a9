extension RedisScript {
    /// Reserves an idempotency key for one attempt of a request, if it is free.
    ///
    /// KEYS: 1 the key, a hash of `request`, `attempt` and, once there is one, `answer`.
    /// ARGV: 1 request, 2 attempt, 3 milliseconds until the reservation lapses.
    /// Returns `reserved`, `busy`, `mismatch`, or the answer in an array of one.
    static let reserve = RedisScript(
        name: "reserve",
        source: """
            local taken = redis.call('HMGET', KEYS[1], 'request', 'attempt', 'answer')
            if taken[1] and taken[1] ~= ARGV[1] then return 'mismatch' end
            if taken[3] then return {taken[3]} end
            if taken[2] and taken[2] ~= ARGV[2] then return 'busy' end
            redis.call('HSET', KEYS[1], 'request', ARGV[1], 'attempt', ARGV[2])
            redis.call('PEXPIRE', KEYS[1], ARGV[3])
            return 'reserved'
            """
    )
}
