extension RedisScript {
    /// Reserves an idempotency key for one attempt of a request, if it is free and all keys together have room.
    ///
    /// KEYS: 1 the key, a hash of `request`, `attempt` and, once there is one, `answer`; also `bucket` and `bytes`; 2 the bytes of
    /// all keys, see ``idempotencyBytes``.
    /// ARGV: 1 request, 2 attempt, 3 milliseconds until the reservation lapses, 4 the longest lifetime of a key in ms, 5 maximum of
    /// KEYS 2, 6 bytes to keep free for the answer.
    /// Returns `reserved`, `busy`, `mismatch`, `full`, or the answer in an array of one.
    static let reserve = RedisScript(
        name: "reserve",
        source: Self.clock + Self.attempt + Self.backstop + "local longest = tonumber(ARGV[4])\n" + Self.idempotencyBytes + """
            local taken = redis.call('HMGET', KEYS[1], 'request', 'attempt', 'answer', 'bucket', 'bytes')
            if taken[1] and taken[1] ~= ARGV[1] then return 'mismatch' end
            if taken[3] then return {taken[3]} end
            if taken[2] and taken[2] ~= ARGV[2] then return 'busy' end
            local size, bucket = #KEYS[1] + overhead + ARGV[6], ending(ARGV[3])
            if not taken[2] and bytes() + size > tonumber(ARGV[5]) then return 'full' end
            add(value(taken[4]), -value(taken[5]))
            redis.call('HSET', KEYS[1], 'request', ARGV[1], 'attempt', ARGV[2], 'bucket', bucket, 'bytes', size)
            redis.call('PEXPIRE', KEYS[1], ARGV[3])
            add(bucket, size)
            return 'reserved'
            """
    )
}
