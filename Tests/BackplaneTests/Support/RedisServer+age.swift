import TestSupport

extension RedisServer {
    /// Makes all that the stores keep older, as if so much time had passed: Redis' clock cannot be set, but what is compared with it can. Keys
    /// whose time is over are gone, leases end earlier; idempotency keys are counted for whole steps of 10 s.
    /// - Returns: whether Redis has done it.
    func age(by milliseconds: Int64) -> Bool {
        let script = """
            for _, node in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZINCRBY', KEYS[1], -ARGV[1], node) end
            for _, key in ipairs(redis.call('KEYS', '*')) do
                local life = redis.call('PTTL', key)
                if life >= 0 then redis.call('PEXPIRE', key, life - ARGV[1]) end
            end
            local counted = redis.call('HGETALL', KEYS[2])
            redis.call('DEL', KEYS[2])
            for i = 1, #counted, 2 do redis.call('HINCRBY', KEYS[2], counted[i] - math.floor(ARGV[1] / 10000), counted[i + 1]) end
            return 1
            """
        let keys = ["volary:2:{registry}:leases", "volary:2:h:{default}:idem-bytes"]
        return self.command("EVAL", script, "2", keys[0], keys[1], "\(milliseconds)") == ":1\r\n"
    }
}
