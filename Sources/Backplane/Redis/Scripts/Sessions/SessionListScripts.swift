/// Lists of sessions, in part also of other nodes. KEYS: 1 the hub's head, for the other keys' names. They change nothing of the order.
extension RedisScript {
    private static let listParts = Self.clock + """
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

    /// ARGV: 1 the id after which to begin, or empty; 2 the limit. Answers id, record and groups of each.
    static let sessionRecords = RedisScript(
        name: "session records",
        source: Self.listParts + """
            local found = {}
            local from = ARGV[1] == '' and '-' or '(' .. ARGV[1]
            for _, id in ipairs(redis.call('ZRANGEBYLEX', scope .. ':sessions', from, '+', 'LIMIT', 0, ARGV[2])) do
                local key = scope .. ':session:' .. id
                found[#found + 1] = {id, redis.call('HGETALL', key), redis.call('HGETALL', key .. ':groups')}
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
