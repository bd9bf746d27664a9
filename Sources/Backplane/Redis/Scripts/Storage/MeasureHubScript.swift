extension RedisScript {
    /// Measures what a hub keeps in Redis, one step at a time. Publications pay nothing for it.
    ///
    /// Counted are the logs of topics that have, or lately had, a subscriber, see ``settling``; what ``publish`` has summed up for topics
    /// without one; and sessions with the entries of their own topics. The steps of a round go through the topics, then through the sessions. Entries
    /// that are too old are removed on the way: a topic in which nothing may be published would keep them until its log expires.
    ///
    /// The result of a round is kept for all nodes, for a second and 20 ms for each of its steps.
    ///
    /// KEYS: 1 the hub's head. ARGV: 1 the age of log entries in ms; 2 `begin`, `topics` or `sessions`; 3 the cursor and 4 the bytes of
    /// the step before; 5 the number of steps before.
    ///
    /// Returns what to begin the next step with, its cursor and the bytes so far; or `done`, 0 and the bytes.
    static let measureHub = RedisScript(
        name: "measure hub",
        source: Self.clock + Self.attempt + Self.logEntries + """
            local scope = string.sub(KEYS[1], 1, -6)
            local age, sum, number = tonumber(ARGV[1]), tonumber(ARGV[4])

            """ + Self.trimming + """
                local function sizeOfTopic(topic)
                    local log, top = scope .. ':log:' .. topic, scope .. ':top:' .. topic
                    local entries = attempt('XLEN', log)
                    if not entries or entries == 0 then return 0 end
                    local fields = attempt('HMGET', top, 'offset', 'total', 'base', 'last') or {}
                    local offset, total, base, last = whole(fields[1]), whole(fields[2]), whole(fields[3]), whole(fields[4])
                    if not offset or not total or not base or not last or base > total then return 0 end
                    local _, time = entry(log, 0)
                    if time and time < now - age then
                        local first
                        number = last
                        first, base = trim(log, offset, total, function(_, at) return at >= now - age end)
                        redis.pcall('HSET', top, 'first', first, 'base', base)
                        entries = redis.call('XLEN', log)
                    end
                    return total - base + 64 * entries + 4544
                end
                local function sizeOfSession(id)
                    local key = scope .. ':session:' .. id
                    local bytes = attempt('HGET', key, 'bytes')
                    return bytes and 1024 + value(bytes) + (attempt('HSTRLEN', key, 'state') or 0) or 0
                end

                local phase, cursor = ARGV[2], ARGV[3]
                if phase == 'begin' then
                    local known = attempt('GET', scope .. ':storage')
                    if known then return {'done', '0', known} end
                    sum = value(attempt('GET', scope .. ':store:idle'))
                    -- In the default hub it is not among the others.
                    if not attempt('ZSCORE', scope .. ':store:used', scope .. ':t:all') then sum = sum + sizeOfTopic('all') end
                    phase = 'topics'
                end
                local source = phase == 'topics' and ':store:used' or ':sessions'
                local found = redis.pcall('ZSCAN', scope .. source, cursor, 'COUNT', 100)
                if found.err then
                    if not string.find(found.err, 'WRONGTYPE', 1, true) then return found end
                    found = {'0', {}}
                end
                for i = 1, #found[2], 2 do
                    local member = found[2][i]
                    if phase == 'topics' then
                        -- What follows `:t:`.
                        sum = sum + sizeOfTopic(string.sub(member, #scope + 4))
                    else
                        sum = sum + sizeOfSession(member)
                    end
                end
                cursor = found[1]
                if cursor == '0' then phase = phase == 'topics' and 'sessions' or 'done' end
                local bytes = string.format('%.0f', sum)
                if phase == 'done' then redis.pcall('SET', scope .. ':storage', bytes, 'PX', 1000 + 20 * tonumber(ARGV[5])) end
                return {phase, cursor, bytes}
                """
    )
}
