/// Lists of sessions, in part also of other nodes. KEYS: 1 the hub's head, for the other keys' names. They change nothing of the order.
extension RedisScript {
    private static let listParts =
        Self.clock + """
            local hub = KEYS[1]
            local scope = string.sub(hub, 1, -6)

            """

    /// ARGV: 1 the limit. Answers the ids of detached sessions whose window is over.
    static let expiredSessions = RedisScript(
        name: "expired sessions",
        source: Self.listParts + "return redis.call('ZRANGEBYSCORE', scope .. ':detached', '-inf', now, 'LIMIT', 0, ARGV[1])"
    )

    /// ARGV: 1 the node, 2 the limit. Answers ids and fences.
    static let sessionsOfNode = RedisScript(
        name: "sessions of node",
        source: Self.listParts + """
            local found = {}
            for _, id in ipairs(redis.call('ZRANGE', scope .. ':n:' .. ARGV[1] .. ':sessions', 0, tonumber(ARGV[2]) - 1)) do
                local fence = redis.call('HGET', scope .. ':session:' .. id, 'fence')
                if fence then
                    found[#found + 1] = id
                    found[#found + 1] = fence
                end
            end
            return found
            """
    )

    /// ARGV: 1 the id after which to begin, or empty; 2 how many to look at; 3 ``NameKey`` of the user, or empty; 4 of the group, or
    /// empty.
    ///
    /// Answers the id after which the next section begins, empty at the end; then id, fence and owner of each that is selected.
    static let findSessions = RedisScript(
        name: "find sessions",
        source: Self.listParts + """
            local function isMember(key)
                local value = redis.call('HGET', key .. ':groups', ARGV[4])
                return value and string.find(string.match(value, '^[%d%- ]*'), '%- $')
            end
            local from = ARGV[1] == '' and '-' or '(' .. ARGV[1]
            local ids = redis.call('ZRANGEBYLEX', scope .. ':sessions', from, '+', 'LIMIT', 0, ARGV[2])
            local found = {#ids == tonumber(ARGV[2]) and ids[#ids] or ''}
            for _, id in ipairs(ids) do
                local key = scope .. ':session:' .. id
                local fields = redis.call('HMGET', key, 'fence', 'node', 'userKey')
                if fields[1] and (ARGV[3] == '' or fields[3] == ARGV[3]) and (ARGV[4] == '' or isMember(key)) then
                    found[#found + 1] = id
                    found[#found + 1] = fields[1]
                    found[#found + 1] = fields[2] or ''
                end
            end
            return found
            """
    )

    /// ARGV: 1 how much to read at most, in groups; then ids. What a group is in bytes, 32, counts for the other large fields.
    ///
    /// Answers how many of the ids were looked at, one at least; then id, record and groups of each that exists.
    static let sessionRecords = RedisScript(
        name: "session records",
        source: Self.listParts + """
            local found, left = {0}, tonumber(ARGV[1])
            for i = 2, #ARGV do
                local key = scope .. ':session:' .. ARGV[i]
                local size = 16 + redis.call('HLEN', key .. ':groups')
                for _, field in ipairs({'state', 'acks', 'permissions'}) do size = size + redis.call('HSTRLEN', key, field) / 32 end
                if i > 2 and size > left then break end
                left = left - size
                found[1] = i - 1
                local fields = redis.call('HGETALL', key)
                if #fields > 0 then found[#found + 1] = {ARGV[i], fields, redis.call('HGETALL', key .. ':groups')} end
            end
            return found
            """
    )

    /// ARGV: 1 the limit. Answers ids and what must be told of them, oldest first.
    static let endedSessions = RedisScript(
        name: "ended sessions",
        source: Self.listParts + """
            local found = {}
            for _, id in ipairs(redis.call('ZRANGEBYSCORE', scope .. ':ended:times', now - 3600000, '+inf', 'LIMIT', 0, ARGV[1])) do
                local ended = redis.call('HGET', scope .. ':ended', id)
                if ended then
                    found[#found + 1] = id
                    found[#found + 1] = ended
                end
            end
            return found
            """
    )

    /// ARGV: ids.
    static let confirmEnded = RedisScript(
        name: "confirm ended",
        source: Self.listParts + """
            for _, id in ipairs(ARGV) do
                redis.call('HDEL', scope .. ':ended', id)
                redis.call('ZREM', scope .. ':ended:times', id)
            end
            return 1
            """
    )
}
