extension RedisScript {
    /// Stores the answer to a request, unless another attempt has reserved its idempotency key in the meantime.
    ///
    /// KEYS: 1 the key, as in ``reserve``. ARGV: 1 request, 2 attempt, 3 milliseconds to keep the answer, 4 answer.
    /// Returns 1; 0, without writing, if another attempt has the key.
    static let complete = RedisScript(
        name: "complete",
        source: """
            local attempt = redis.call('HGET', KEYS[1], 'attempt')
            if attempt and attempt ~= ARGV[2] then return 0 end
            redis.call('HSET', KEYS[1], 'request', ARGV[1], 'attempt', ARGV[2], 'answer', ARGV[4])
            redis.call('PEXPIRE', KEYS[1], ARGV[3])
            return 1
            """
    )
}
