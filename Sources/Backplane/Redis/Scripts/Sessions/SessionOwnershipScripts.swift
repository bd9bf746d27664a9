/// The scripts by which sessions change hands and end. ARGV 1 to 13 as of ``RedisScript/sessionParts``. They may be repeated.
///
/// Each answers what was observed, then `ok` or why it was refused.
extension RedisScript {
    /// ARGV: 14 the session; 15 the token.
    ///
    /// Answers `claimed`, the record and its groups; `later`; or `never` and why.
    static let claim = RedisScript(
        name: "claim session",
        source: Self.sessionParts + """
            local problem = enter()
            if problem then return problem end
            local id, key = ARGV[14], sessionKey(ARGV[14])
            local fields = redis.call('HMGET', key, 'token', 'epoch', 'P', 'node')
            if not fields[1] or fields[1] ~= ARGV[15] then return reply('never', 'gone') end
            if tonumber(fields[2]) ~= epoch then
                if now < (tonumber(redis.call('HGET', hub, 'since')) or 0) + 10000 then return reply('later') end
                return reply('never', 'unverified')
            end
            local acknowledged, former = tonumber(fields[3]), fields[4]
            local topics = topicsOf(key, acknowledged)
            if isTrimmed(key, topics, acknowledged) then return reply('never', 'trimmed') end
            take()
            local saved = set(key, 'fence', text(epoch) .. '-' .. text(number), 'node', me)
            if refusal(saved) then return saved end
            redis.call('HDEL', key, 'until')
            redis.call('ZREM', scope .. ':detached', id)
            if former ~= '' then
                redis.call('ZREM', ownedBy(former), id)
                push(former, 'F' .. id .. struct.pack('>I8I8', epoch, number))
            end
            redis.call('ZADD', ownedBy(me), 0, id)
            keepAll(key, topics)
            return numbered('claimed', redis.call('HGETALL', key), redis.call('HGETALL', key .. ':groups'))
            """
    )

    /// ARGV: 14 the session; 15 the owner's fence.
    static let detach = RedisScript(
        name: "detach session",
        source: Self.sessionParts + Self.ends + """
            local problem = enter()
            if problem then return problem end
            local why = objection(sessionKey(ARGV[14]), ARGV[15])
            if why then return reply(why) end
            -- Detached by a call whose answer was lost.
            if redis.call('HGET', sessionKey(ARGV[14]), 'node') == '' then return reply('ok') end
            take()
            detach(ARGV[14])
            return numbered('ok')
            """
    )

    /// By any node. ARGV: 14 the session; 15 the fence of its dead owner.
    static let takeSession = RedisScript(
        name: "take session",
        source: Self.sessionParts + Self.ends + """
            local problem = enter()
            if problem then return problem end
            local key = sessionKey(ARGV[14])
            local fields = redis.call('HMGET', key, 'fence', 'node')
            if not fields[1] then return reply('gone') end
            if fields[1] ~= ARGV[15] or fields[2] == '' then return reply('fenced') end
            take()
            redis.call('HSET', key, 'fence', text(epoch) .. '-' .. text(number))
            detach(ARGV[14])
            return numbered('ok')
            """
    )

    /// ARGV: per session its id, the owner's fence and the reason, from 14 on. Answers one word for each.
    static let remove = RedisScript(
        name: "remove sessions",
        source: Self.sessionParts + Self.ends + """
            local problem = enter()
            if problem then return problem end
            local answers = {}
            for i = 14, #ARGV, 3 do
                local fence = redis.call('HGET', sessionKey(ARGV[i]), 'fence')
                local isOwner = fence == ARGV[i + 1]
                if fence and isOwner then
                    delete(ARGV[i], ARGV[i + 2])
                    take()
                end
                answers[#answers + 1] = not fence and 'gone' or not isOwner and 'fenced' or 'ok'
            end
            return numbered(answers)
            """
    )

    /// By any node. ARGV: 14 the session; 15 the reason.
    static let expire = RedisScript(
        name: "expire session",
        source: Self.sessionParts + Self.ends + """
            local problem = enter()
            if problem then return problem end
            local fields = redis.call('HMGET', sessionKey(ARGV[14]), 'node', 'until')
            if not fields[1] then return reply('gone') end
            if fields[1] ~= '' or tonumber(fields[2]) > now then return reply('fenced') end
            delete(ARGV[14], ARGV[15])
            take()
            return numbered('ok')
            """
    )

    /// ARGV: 14 the epoch for which the caller has judged; then per session its id and fence. Answers one word for each.
    static let vouch = RedisScript(
        name: "vouch for sessions",
        source: Self.sessionParts + """
            local problem = enter()
            if problem then return problem end
            local answers = {}
            for i = 15, #ARGV, 2 do
                local key, answer = sessionKey(ARGV[i]), 'ok'
                local fence = redis.call('HGET', key, 'fence')
                if tonumber(ARGV[14]) ~= epoch then
                    answer = 'unverified'
                elseif not fence then
                    answer = 'gone'
                elseif fence ~= ARGV[i + 1] then
                    answer = 'fenced'
                else
                    redis.call('HSET', key, 'epoch', epoch)
                end
                answers[#answers + 1] = answer
            end
            return reply(answers)
            """
    )
}
