extension RedisScript {
    /// Stores the answer to a request, unless another attempt has reserved its idempotency key in the meantime, or all keys
    /// together have no room for it. While the key is reserved, there is room for what ``reserve`` kept free.
    ///
    /// KEYS: as of ``reserve``. ARGV: 1 request, 2 attempt, 3 milliseconds to keep the answer, 4 and 5 as of ``reserve``, 6 answer.
    /// Returns 1; without writing 0 if another attempt has the key, and -1 if there is no room.
    static let complete = RedisScript(
        name: "complete",
        source: Self.clock + Self.attempt + Self.backstop + "local longest = tonumber(ARGV[4])\n" + Self.idempotencyBytes + """
            local held = redis.call('HMGET', KEYS[1], 'attempt', 'bucket', 'bytes')
            if held[1] and held[1] ~= ARGV[2] then return 0 end
            local size, before, bucket = #KEYS[1] + overhead + #ARGV[6], value(held[3]), ending(ARGV[3])
            if size > before and bytes() - before + size > tonumber(ARGV[5]) then return -1 end
            add(value(held[2]), -before)
            redis.call('HSET', KEYS[1], 'request', ARGV[1], 'attempt', ARGV[2], 'bucket', bucket, 'bytes', size, 'answer', ARGV[6])
            redis.call('PEXPIRE', KEYS[1], ARGV[3])
            add(bucket, size)
            return 1
            """
    )
}
