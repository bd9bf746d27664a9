import TestSupport

extension RedisServer {
    /// Makes all that the stores keep older, as if so much time had passed: Redis' clock cannot be set, but what is compared with it can. Keys
    /// whose time is over are gone, leases end earlier.
    /// - Returns: whether Redis has done it.
    func age(by milliseconds: Int64) -> Bool {
        let script = """
            for _, node in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZINCRBY', KEYS[1], -ARGV[1], node) end
            for _, key in ipairs(redis.call('KEYS', '*')) do
                local life = redis.call('PTTL', key)
                if life >= 0 then redis.call('PEXPIRE', key, life - ARGV[1]) end
            end
            return 1
            """
        return self.command("EVAL", script, "1", "volary:2:{registry}:leases", "\(milliseconds)") == ":1\r\n"
    }
}
