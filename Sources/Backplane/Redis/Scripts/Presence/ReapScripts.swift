/// Nodes are reaped in three steps, because their entries are in other slots than their leases: ``reap`` chooses the nodes and
/// makes the caller their only reaper for a while, ``removeEntries`` deletes the entries in each hub, and ``bury`` deletes the
/// lease. If a reaper dies in between, another one starts again.
extension RedisScript {
    /// Chooses the nodes whose lease has expired and that have no other reaper. Ids that are not valid are deleted.
    ///
    /// KEYS: 1 leases, 2 names. ARGV: 1 the registry's prefix, 2 the caller's token, 3 for how long it is the reaper, in ms.
    /// Returns for each node its id and the number of its lease.
    static let reap = RedisScript(
        name: "reap",
        source: Self.clock + Self.attempt + Self.leaseNumber + """
            local dead = {}
            for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
                if isNode(id) then
                    local reaper = ARGV[1] .. ':reaper:' .. id
                    local other = attempt('GET', reaper)
                    if not other or other == ARGV[2] then
                        redis.call('SET', reaper, ARGV[2], 'PX', ARGV[3])
                        dead[#dead + 1] = id
                        dead[#dead + 1] = numberOf(id, ARGV[1])
                    end
                else
                    redis.call('ZREM', KEYS[1], id)
                    redis.call('HDEL', KEYS[2], id)
                end
            end
            return dead
            """
    )

    /// Deletes the lease of a node whose entries have been deleted. If it had connections, their number is kept for a while.
    ///
    /// KEYS: 1 leases, 2 names, 3 the node's record, 4 its mark that it was reaped, 5 its reaper. ARGV: 1 id, 2 the number of the
    /// lease, 3 the caller's token, 4 connections, 5 for how long their number is kept, in seconds.
    ///
    /// Returns the time in ms, the name or nil, the record or nil, and the expiry of the lease in ms; nil, without writing, if the
    /// node has registered again, or another reaper has buried it.
    static let bury = RedisScript(
        name: "bury",
        source: Self.clock + Self.attempt + """
            local expiry = redis.call('ZSCORE', KEYS[1], ARGV[1])
            if not expiry or tonumber(expiry) > now or attempt('GET', KEYS[5]) ~= ARGV[3] then return false end
            local name, record = redis.call('HGET', KEYS[2], ARGV[1]), attempt('HGET', KEYS[3], 'record')
            redis.call('ZREM', KEYS[1], ARGV[1])
            redis.call('HDEL', KEYS[2], ARGV[1])
            redis.call('UNLINK', KEYS[3], KEYS[4], KEYS[5])
            redis.call('HSET', KEYS[4], 'number', ARGV[2])
            if tonumber(ARGV[4]) > 0 then redis.call('HSET', KEYS[4], 'connections', ARGV[4]) end
            redis.call('EXPIRE', KEYS[4], ARGV[5])
            return {now, name, record, tonumber(expiry)}
            """
    )

    /// Deletes a node's lease and record.
    ///
    /// KEYS: as of ``bury``. ARGV: 1 id.
    /// Returns 1.
    static let unregister = RedisScript(
        name: "unregister",
        source: """
            redis.call('UNLINK', KEYS[3], KEYS[4], KEYS[5])
            redis.pcall('ZREM', KEYS[1], ARGV[1])
            redis.pcall('HDEL', KEYS[2], ARGV[1])
            return 1
            """
    )

    /// Deletes a node's entries in one hub that were written under a lease, or an earlier one. A mark of their number can be
    /// left, which makes later updates under this lease fail.
    ///
    /// KEYS: as of ``update``. ARGV: 1 the number of the lease, 2 lifetime of the mark in seconds, 0 for none.
    /// Returns how many connections there were. A call that is repeated returns the same number.
    static let removeEntries = RedisScript(
        name: "remove entries",
        source: Self.attempt + """
            local state = attempt('HMGET', KEYS[1], 'number', 'dead') or {}
            if value(state[1]) > tonumber(ARGV[1]) then return 0 end
            if state[2] and ARGV[2] ~= '0' then return value(state[2]) end
            local connections = state[2] and value(state[2]) or attempt('ZCARD', KEYS[2]) or 0
            redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
            if ARGV[2] ~= '0' then
                redis.call('HSET', KEYS[1], 'number', ARGV[1], 'dead', connections)
                redis.call('EXPIRE', KEYS[1], ARGV[2])
            end
            return connections
            """
    )
}
