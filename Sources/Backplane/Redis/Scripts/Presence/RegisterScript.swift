extension RedisScript {
    /// Grants a new lease to a node without connections. If the node claims its name and no other live node has it, deletes
    /// other nodes of that name: those that have been found dead, those whose lease has expired, and ids that are not valid.
    ///
    /// KEYS: 1 nodes, 2 names, 3 `<node>record`, 4 `<node>index`, 5 `<node>details`, 6 `<node>filters`, 7 `<node>reaped`.
    /// ARGV: 1 id, 2 lease in ms, 3 lifetime of the keys in ms, 4 name, 5 record, 6 `1` to claim the name, 7 `<prefix>:node:`,
    /// 8 how long the number of connections of deleted nodes is kept, in seconds, 9 and following the ids that have been found
    /// dead.
    ///
    /// Returns 1 if connections of the node have been reaped, otherwise 0; the number of connections of the deleted nodes; the
    /// ids of live nodes with the same name (if there are any, nothing has been written); the keys that had another type and
    /// have been deleted; and the contents, see ``RedisScript/contents``. The first value is reset by the first renewal and not
    /// here, because the answer may be lost.
    static let register = RedisScript(
        name: "register",
        source: Self.clock + Self.attempt + Self.deletion + Self.backstop + Self.contents + Self.foreign + """
            local replaced, foreign = 0, {}
            for i, type in ipairs({'zset', 'hash', 'string', 'zset', 'hash', 'zset'}) do
                if isForeign(KEYS[i], type) then foreign[#foreign + 1] = KEYS[i] end
            end
            for _, key in ipairs(foreign) do redis.call('UNLINK', key) end
            if ARGV[6] == '1' then
                local isDead, gone, living = {}, {}, {}
                for i = 9, #ARGV do isDead[ARGV[i]] = true end
                local names = redis.call('HGETALL', KEYS[2])
                for i = 1, #names, 2 do
                    local id = names[i]
                    if names[i + 1] == ARGV[4] and id ~= ARGV[1] then
                        local expiry = tonumber(redis.call('ZSCORE', KEYS[1], id) or 0)
                        local isNode = #id == 8 and not string.find(id, '[^0-9a-f]')
                        if isNode and expiry > now and not isDead[id] then
                            living[#living + 1] = id
                        else
                            gone[#gone + 1] = id
                        end
                    end
                end
                if #living > 0 then return {0, 0, living, foreign, ''} end
                for _, id in ipairs(gone) do
                    replaced = replaced + delete(ARGV[7] .. '{' .. id .. '}:', id, ARGV[8])
                end
            end
            redis.call('UNLINK', KEYS[3], KEYS[4], KEYS[5], KEYS[6])
            redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
            redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
            redis.call('SET', KEYS[3], ARGV[5], 'PX', ARGV[3])
            keep(KEYS[1], ARGV[3])
            keep(KEYS[2], ARGV[3])
            return {redis.call('EXISTS', KEYS[7]), replaced, {}, foreign, contents()}
            """
    )
}
