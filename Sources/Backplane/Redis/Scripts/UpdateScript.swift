extension RedisScript {
    /// Adds, then removes connections of a node that holds its lease.
    ///
    /// KEYS: 1 nodes, 2 `<node>record`, 3 `<node>index`, 4 `<node>details`.
    /// ARGV: 1 id, 2 how many to add, then for each its id and details, then the ids to remove.
    /// Returns 1; 0, and writes nothing, when there is no live lease.
    static let update = RedisScript(
        name: "update",
        source: Self.clock + """
            local expiry = redis.call('ZSCORE', KEYS[1], ARGV[1])
            local backstop = redis.call('PTTL', KEYS[2])
            if not expiry or tonumber(expiry) <= now or backstop < 0 then return 0 end
            local added = tonumber(ARGV[2])
            if added > 0 then
                local members, details = {}, {}
                for i = 1, added do
                    local id = ARGV[1 + 2 * i]
                    members[2 * i - 1], members[2 * i] = 0, id
                    details[2 * i - 1], details[2 * i] = id, ARGV[2 + 2 * i]
                end
                redis.call('ZADD', KEYS[3], unpack(members))
                redis.call('HSET', KEYS[4], unpack(details))
                redis.call('PEXPIRE', KEYS[3], backstop)
                redis.call('PEXPIRE', KEYS[4], backstop)
            end
            if #ARGV > 2 + 2 * added then
                redis.call('ZREM', KEYS[3], unpack(ARGV, 3 + 2 * added))
                redis.call('HDEL', KEYS[4], unpack(ARGV, 3 + 2 * added))
            end
            return 1
            """
    )
}
