/// The operations of a session store: executed once, by the sequence of their lane. ARGV 1 to 13 as of ``RedisScript/sessionParts``.
///
/// Each answers what was observed, then `executed`, `attached`, `done` (earlier), `duplicate`, `gap`, or why it was refused.
extension RedisScript {
    /// Creates sessions, each by an operation of its own. Their sequences are consecutive: 6 and 7 are those of the first.
    ///
    /// ARGV: 14 maximum of sessions; then for each: the connection; whether the attachment is small enough, 1 or 0; token; window in
    /// ms; whether its end is announced, 1 or 0; the user; its ``NameKey``; protocol; permissions; state; when it was opened in ms; the
    /// number of groups, and for each group its ``NameKey`` and, if that is a hash, the name.
    ///
    /// Answers a list: of each what an operation answers. `attached` is followed by the fence.
    static let attach = RedisScript(
        name: "attach sessions",
        source: Self.sessionParts + """
            local problem = enter()
            if problem then return problem end
            local kept = {}
            local function keepOnce(topic)
                if not kept[topic] then keep(logOf(topic)) end
                kept[topic] = true
            end
            local function attach(i, count)
                local id, key = ARGV[i], sessionKey(ARGV[i])
                local answer = once()
                if answer then
                    if answer ~= 'done' then return {answer} end
                    local fields = redis.call('HMGET', key, 'fence', 'node')
                    if not fields[1] then return {'gone'} end
                    return fields[2] == me and {'attached', fields[1]} or {'fenced'}
                end
                local why = redis.call('EXISTS', key) == 1 and 'exists'
                if not why and (ARGV[i + 1] == '0' or redis.call('ZCARD', scope .. ':sessions') >= tonumber(ARGV[14])) then why = 'full' end
                if not why then
                    local fence = text(epoch) .. '-' .. text(take())
                    local added = redis.pcall('HSET', key, 'fence', fence, 'node', me, 'epoch', epoch, 'P', number, 'n', 0,
                        'token', ARGV[i + 2], 'window', ARGV[i + 3], 'announces', ARGV[i + 4], 'user', ARGV[i + 5],
                        'userKey', ARGV[i + 6], 'protocol', ARGV[i + 7], 'permissions', ARGV[i + 8], 'state', ARGV[i + 9],
                        'opened', ARGV[i + 10], 'last', 0, 'start', number, 'bytes', 0, 'kept', now)
                    if refusal(added) then return added end
                    for j = i + 12, i + 10 + 2 * count, 2 do
                        local name = ARGV[j + 1] ~= '' and '/' .. ARGV[j + 1] or ''
                        redis.call('HSET', key .. ':groups', ARGV[j], text(number) .. '- ' .. name)
                        keepOnce('group:' .. ARGV[j])
                    end
                    redis.call('ZADD', scope .. ':sessions', 0, id)
                    redis.call('ZADD', ownedBy(me), 0, id)
                    keepOnce('all')
                    if ARGV[i + 6] ~= '' then keepOnce('user:' .. ARGV[i + 6]) end
                    answer = {'attached', fence}
                end
                local saved
                if why then saved = refuse(why) else saved = save() end
                if refusal(saved) then return saved end
                operation = tonumber(ARGV[6])
                return answer or {why}
            end
            local i, answers = 15, {}
            while i <= #ARGV do
                local count = tonumber(ARGV[i + 11])
                local answer = attach(i, count)
                -- What was done before is saved.
                if refusal(answer) then return answer end
                answers[#answers + 1] = answer
                ARGV[6], ARGV[7] = text(tonumber(ARGV[6]) + 1), ARGV[6]
                i = i + 12 + 2 * count
            end
            return reply(answers)
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
