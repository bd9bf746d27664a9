/// The hubs in which a node has entries: a hash of hub to the number of the lease. The field of the empty name is the number of
/// the last lease that was reaped.
extension RedisScript {
    /// Adds hubs, before or together with the first entries in them, and extends the lifetime of the key.
    ///
    /// KEYS: 1 the node's hubs. ARGV: 1 the number of the lease, 2 lifetime in ms, then the hubs.
    /// Returns 1; 0, without writing, if the lease has been reaped.
    static let enterHubs = RedisScript(
        name: "enter hubs",
        source: Self.attempt + Self.foreign + """
            if isForeign(KEYS[1], 'hash') then redis.call('UNLINK', KEYS[1]) end
            if value(attempt('HGET', KEYS[1], '')) >= tonumber(ARGV[1]) then return 0 end
            for i = 3, #ARGV do redis.call('HSET', KEYS[1], ARGV[i], ARGV[1]) end
            redis.call('PEXPIRE', KEYS[1], ARGV[2])
            return 1
            """
    )

    /// Removes hubs in which the node has no entries.
    ///
    /// KEYS: 1 the node's hubs. ARGV: the hubs. Returns 1.
    static let leaveHubs = RedisScript(
        name: "leave hubs",
        source: """
            redis.call('HDEL', KEYS[1], unpack(ARGV))
            return 1
            """
    )

    /// Lists the hubs. With a lifetime, marks the lease as reaped, so that the node enters no hub under it.
    ///
    /// KEYS: 1 the node's hubs. ARGV: 1 the number of the lease, 2 lifetime of the mark in seconds, 0 for none.
    /// Returns each hub and the number of its lease.
    static let nodeHubs = RedisScript(
        name: "node hubs",
        source: Self.attempt + Self.foreign + """
            if isForeign(KEYS[1], 'hash') then redis.call('UNLINK', KEYS[1]) end
            if ARGV[2] ~= '0' then
                if value(attempt('HGET', KEYS[1], '')) < tonumber(ARGV[1]) then redis.call('HSET', KEYS[1], '', ARGV[1]) end
                redis.call('EXPIRE', KEYS[1], ARGV[2])
            end
            local hubs, found = attempt('HGETALL', KEYS[1]) or {}, {}
            for i = 1, #hubs, 2 do
                if hubs[i] ~= '' then
                    found[#found + 1] = hubs[i]
                    found[#found + 1] = hubs[i + 1]
                end
            end
            return found
            """
    )
}
