/// Parts of the idempotency scripts.
extension RedisScript {
    /// The bytes of all idempotency keys together.
    ///
    /// KEYS 2 is a hash of bytes by the time when they expire, in steps of 10 s. So what has expired is not counted any more, also if Redis
    /// lost keys in any other way; nothing has to notice it. A key's own hash says in `bucket` and `bytes` where it is counted. A key
    /// counts as its name, its answer, and 512 bytes: a key with an answer of 150 bytes takes 670 in Redis. Until it has an answer,
    /// it counts as if it had one of 1 KiB.
    ///
    /// Whatever another program wrote into KEYS 2 is deleted. The count then begins anew, and is right after the longest lifetime.
    ///
    /// Needs ``clock``, ``attempt`` and ``backstop``, and `longest`, the longest lifetime of a key in ms.
    static let idempotencyBytes = """
        local width, overhead = 10000, 512
        local function ending(milliseconds) return math.floor((now + milliseconds) / width) + 1 end
        local count = attempt('HLEN', KEYS[2])
        if not count or count > 1000 then redis.call('UNLINK', KEYS[2]) end
        local function bytes()
            local fields, sum = redis.call('HGETALL', KEYS[2]), 0
            for i = 1, #fields, 2 do
                local bucket = value(fields[i])
                -- A minute for the clocks of a master and its replica.
                if bucket * width <= now or bucket > ending(longest + 60000) then
                    redis.call('HDEL', KEYS[2], fields[i])
                else
                    sum = sum + value(fields[i + 1])
                end
            end
            return sum
        end
        local function add(bucket, change)
            if bucket == 0 then return end
            local field = string.format('%.0f', bucket)
            local sum = value(attempt('HGET', KEYS[2], field)) + change
            if sum > 0 then
                redis.call('HSET', KEYS[2], field, string.format('%.0f', sum))
                keep(KEYS[2], longest + width)
            else
                redis.call('HDEL', KEYS[2], field)
            end
        end

        """
}
