/// The operations of a session store: executed once, by the sequence of their lane. ARGV 1 to 13 as of ``RedisScript/sessionParts``.
///
/// Each answers what was observed, then `executed`, `attached`, `done` (earlier), `duplicate`, `gap`, or why it was refused.
extension RedisScript {
    /// ARGV: 14 the connection; 15 maximum of sessions, 0 if the attachment is too large; 16 token; 17 window in ms; 18 whether its end is announced, 1 or 0; 19 the user;
    /// 20 its ``NameKey``; 21 protocol; 22 permissions; 23 state; 24 when it was opened in ms; then per group its ``NameKey`` and, if that is a
    /// hash, the name.
    ///
    /// `attached` is followed by the fence.
    static let attach = RedisScript(
        name: "attach session",
        source: Self.sessionParts + """
            local problem = enter()
            if problem then return problem end
            local id, key = ARGV[14], sessionKey(ARGV[14])
            local answer = once()
            if answer then
                if answer ~= 'done' then return reply(answer) end
                local fields = redis.call('HMGET', key, 'fence', 'node')
                if not fields[1] then return reply('gone') end
                return fields[2] == me and reply('attached', fields[1]) or reply('fenced')
            end
            if redis.call('EXISTS', key) == 1 then return refused('exists') end
            if redis.call('ZCARD', scope .. ':sessions') >= tonumber(ARGV[15]) then return refused('full') end
            local fence = text(epoch) .. '-' .. text(take())
            local added = redis.pcall('HSET', key, 'fence', fence, 'node', me, 'epoch', epoch, 'P', number, 'n', 0, 'token', ARGV[16],
                'window', ARGV[17], 'announces', ARGV[18], 'user', ARGV[19], 'userKey', ARGV[20], 'protocol', ARGV[21],
                'permissions', ARGV[22], 'state', ARGV[23], 'opened', ARGV[24], 'last', 0, 'start', number, 'bytes', 0)
            if refusal(added) then return added end
            for i = 25, #ARGV, 2 do
                local name = ARGV[i + 1] ~= '' and '/' .. ARGV[i + 1] or ''
                redis.call('HSET', key .. ':groups', ARGV[i], text(number) .. '- ' .. name)
            end
            redis.call('ZADD', scope .. ':sessions', 0, id)
            redis.call('ZADD', ownedBy(me), 0, id)
            keepAll(key, (topicsOf(key, number)))
            return executed('attached', fence)
            """
    )

    /// ARGV: 14 the topic; empty for a session's own; 15 the session for which it is then; 16 the session that publishes, or empty;
    /// 17 its fence; 18 the id to remember, or empty; 19 the envelope, empty if it cannot be stored; 20 when it expires in ms, or empty.
    static let publishInOrder = RedisScript(
        name: "publish in order",
        source: Self.publishingParts + Self.ownTopics + Self.acknowledgedIDs + """
            local problem = enter()
            if problem then return problem end
            local answer = once()
            if answer then return reply(answer) end
            local writer = ARGV[16] ~= '' and sessionKey(ARGV[16])
            if writer then
                local why = objection(writer, ARGV[17])
                if why then return refused(why) end
                if ARGV[18] ~= '' and isAcknowledged(writer, ARGV[18]) then return executed('duplicate') end
            end
            if ARGV[19] == '' then return refused('full') end
            if ARGV[14] ~= '' then
                local log, top = logOf(ARGV[14])
                local expiry = ARGV[20] ~= '' and ARGV[20]
                local receivers = append(log, top, scope .. ':t:' .. ARGV[14], ARGV[19], expiry)
                if refusal(receivers, 'IDLEFULL') then return refused('full') end
                if refusal(receivers) then return receivers end
            else
                if redis.call('EXISTS', sessionKey(ARGV[15])) == 0 then return refused('noReceiver') end
                local failed = toOwn(ARGV[15], ARGV[19])
                if failed then return failed end
            end
            if writer and ARGV[18] ~= '' then remember(writer, ARGV[18]) end
            return executed('executed')
            """
    )

    /// Joins and leaves.
    ///
    /// ARGV: 14 the session; 15 `1` if its owner asks; 16 the owner's fence; 17 the id to remember, or empty; 18 the control entry; 19
    /// `join` or `leave`; 20 the ``NameKey`` of the group; 21 its name if that is a hash; 22 bytes of its name; 23 maximum of intervals, 24 of
    /// groups, 25 of bytes of their names.
    static let changeMembership = RedisScript(
        name: "change membership",
        source: Self.sessionParts + Self.ownTopics + Self.acknowledgedIDs + """
            local function hasRoom(groups)
                local total, members, bytes = 0, 0, tonumber(ARGV[22])
                for i = 1, #groups, 2 do
                    local value, name = groups[i + 1], ''
                    -- Most groups have one interval, which is open.
                    local isMember = string.find(value, '-', 1, true) == #value - 1
                    if isMember then
                        total = total + 1
                    else
                        local list
                        list, name = string.match(value, '^([%d%- ]*)/?(.*)$')
                        isMember = string.sub(list, -2) == '- '
                        for _ in intervals(list) do total = total + 1 end
                    end
                    if isMember then
                        members = members + 1
                        if name == '' then name = string.gsub(groups[i], '%%%x%x', '?') end
                        bytes = bytes + #name
                    end
                end
                return total < tonumber(ARGV[23]) and members < tonumber(ARGV[24]) and bytes <= tonumber(ARGV[25])
            end
            local function change(key)
                local value = redis.call('HGET', key .. ':groups', ARGV[20]) or ''
                local list, name = string.match(value, '^([%d%- ]*)(.*)$')
                local isMember = string.find(list, '%- $') ~= nil
                if (ARGV[19] == 'join') == isMember then return end
                if ARGV[19] == 'join' and not hasRoom(redis.call('HGETALL', key .. ':groups')) then return 'full' end
                local failed = toOwn(ARGV[14], ARGV[18])
                if failed then return failed end
                if ARGV[19] == 'join' then
                    name = ARGV[21] ~= '' and '/' .. ARGV[21] or ''
                    list = list .. text(number) .. '- '
                    keep(logOf('group:' .. ARGV[20]))
                else
                    list = string.sub(list, 1, -2) .. text(number) .. ' '
                end
                redis.call('HSET', key .. ':groups', ARGV[20], list .. name)
            end

            """ + Self.change
    )

    /// Permissions and handler state.
    ///
    /// ARGV: 14 to 18 as of ``changeMembership``; 19 the field, empty if the value is too large; 20 the value.
    static let changeField = RedisScript(
        name: "change session",
        source: Self.sessionParts + Self.ownTopics + Self.acknowledgedIDs + """
            local function change(key)
                if ARGV[19] == '' then return 'full' end
                local failed = toOwn(ARGV[14], ARGV[18])
                if failed then return failed end
                redis.call('HSET', key, ARGV[19], ARGV[20])
            end

            """ + Self.change
    )

    /// Needs `change`: returns nil, why it is refused, or an error.
    private static let change = """
        local problem = enter()
        if problem then return problem end
        local answer = once()
        if answer then return reply(answer) end
        local key = sessionKey(ARGV[14])
        if ARGV[15] == '1' then
            local why = objection(key, ARGV[16])
            if why then return refused(why) end
            if ARGV[17] ~= '' and isAcknowledged(key, ARGV[17]) then return executed('duplicate') end
        elseif redis.call('EXISTS', key) == 0 then
            return refused('gone')
        end
        local failed = change(key)
        if refusal(failed) then return failed end
        if failed then return refused(failed) end
        if ARGV[15] == '1' and ARGV[17] ~= '' then remember(key, ARGV[17]) end
        return executed('executed')
        """

    /// ARGV: 14 the session; 15 the reason.
    static let close = RedisScript(
        name: "close session",
        source: Self.sessionParts + Self.ends + """
            local problem = enter()
            if problem then return problem end
            local answer = once()
            if answer then return reply(answer) end
            local node = redis.call('HGET', sessionKey(ARGV[14]), 'node')
            if not node then return refused('gone') end
            if node ~= '' then push(node, 'X' .. ARGV[14] .. ARGV[15]) end
            delete(ARGV[14], ARGV[15])
            take()
            return executed('executed')
            """
    )
}
