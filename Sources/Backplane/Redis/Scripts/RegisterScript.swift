extension RedisScript {
    /// Grants a new lease to a node without connections; deletes others of its name when that is wished.
    ///
    /// KEYS: 1 nodes, 2 names, 3 `<node>record`, 4 `<node>index`, 5 `<node>details`, 6 `<node>filters`, 7 `<node>reaped`.
    /// ARGV: 1 id, 2 lease in ms, 3 backstop in ms, 4 name, 5 record, 6 `1` to delete others of the name, 7 `<prefix>:node:`, 8 for how
    /// long it is known that they were, in seconds.
    /// Returns 1 when connections of the node have been reaped, else 0, and how many connections the deleted ones had. The first is
    /// forgotten with the first renewal and not here: an answer may be lost.
    static let register = RedisScript(
        name: "register",
        source: Self.clock + Self.attempt + Self.deletion + Self.backstop + """
            local replaced = 0
            if ARGV[6] == '1' then
                local names = redis.call('HGETALL', KEYS[2])
                for i = 1, #names, 2 do
                    if names[i + 1] == ARGV[4] and names[i] ~= ARGV[1] then
                        replaced = replaced + delete(ARGV[7] .. '{' .. names[i] .. '}:', names[i], ARGV[8])
                    end
                end
            end
            redis.call('UNLINK', KEYS[3], KEYS[4], KEYS[5], KEYS[6])
            redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
            redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
            redis.call('SET', KEYS[3], ARGV[5], 'PX', ARGV[3])
            keep(KEYS[1], ARGV[3])
            keep(KEYS[2], ARGV[3])
            return {redis.call('EXISTS', KEYS[7]), replaced}
            """
    )
}
