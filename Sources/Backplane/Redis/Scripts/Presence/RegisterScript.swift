extension RedisScript {
    /// Grants a new lease to a node without connections. If the node claims its name and no other live node has it, ends the
    /// leases of other nodes of that name, those that have been found dead and those that have expired, for the caller to bury
    /// them, see ``bury``. Ids that are not valid are deleted.
    ///
    /// KEYS: 1 leases, 2 names, 3 the node's record, 4 its mark that it was reaped. ARGV: 1 id, 2 lease in ms, 3 lifetime of the
    /// keys in ms, 4 name, 5 record, 6 `1` while not all of its connections are in the store, 7 `1` to claim the name, 8 the
    /// registry's prefix, 9 the caller's token as a reaper, 10 for how long it is one, in ms, 11 and following the ids that have
    /// been found dead.
    ///
    /// Returns 1 if connections of the node have been reaped, otherwise 0; the ids of live nodes with the same name (if there are
    /// any, nothing has been written); the keys that had another type and have been deleted; the number of the lease; and for
    /// each node to bury its id and the number of its lease. The first value is reset by the first renewal and not here, because
    /// the answer may be lost.
    ///
    /// Numbers of leases rise. The number is Redis' time in microseconds, or one more than the last.
    static let register = RedisScript(
        name: "register",
        source: Self.clock + Self.attempt + Self.backstop + Self.foreign + Self.leaseNumber + """
            local foreign = {}
            for i, type in ipairs({'zset', 'hash', 'hash', 'hash'}) do
                if isForeign(KEYS[i], type) then foreign[#foreign + 1] = KEYS[i] end
            end
            for _, key in ipairs(foreign) do redis.call('UNLINK', key) end
            local dead = {}
            if ARGV[7] == '1' then
                local isDead, living = {}, {}
                for i = 11, #ARGV do isDead[ARGV[i]] = true end
                local names = redis.call('HGETALL', KEYS[2])
                for i = 1, #names, 2 do
                    local id = names[i]
                    if names[i + 1] == ARGV[4] and id ~= ARGV[1] then
                        local expiry = tonumber(redis.call('ZSCORE', KEYS[1], id) or 0)
                        if not isNode(id) then
                            redis.call('ZREM', KEYS[1], id)
                            redis.call('HDEL', KEYS[2], id)
                        elseif expiry > now and not isDead[id] then
                            living[#living + 1] = id
                        else
                            dead[#dead + 1] = id
                        end
                    end
                end
                if #living > 0 then return {0, living, foreign, 0, {}} end
            end
            local buried = {}
            for _, id in ipairs(dead) do
                redis.call('ZADD', KEYS[1], 'LT', now, id)
                redis.call('SET', ARGV[8] .. ':reaper:' .. id, ARGV[9], 'PX', ARGV[10])
                buried[#buried + 1] = id
                buried[#buried + 1] = numberOf(id, ARGV[8])
            end
            local last = math.max(value(numberOf(ARGV[1], ARGV[8], 0)), value(attempt('HGET', KEYS[4], 'number')))
            local number = string.format('%.0f', math.max(last + 1, time[1] * 1000000 + time[2]))
            redis.call('UNLINK', KEYS[3], ARGV[8] .. ':reaper:' .. ARGV[1])
            redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
            redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
            redis.call('HSET', KEYS[3], 'number', number, 'lease', ARGV[2], 'record', ARGV[5], 'registering', ARGV[6], 'connections', 0)
            redis.call('PEXPIRE', KEYS[3], ARGV[3])
            keep(KEYS[1], ARGV[3])
            keep(KEYS[2], ARGV[3])
            return {redis.call('HEXISTS', KEYS[4], 'connections'), {}, foreign, number, buried}
            """
    )
}
