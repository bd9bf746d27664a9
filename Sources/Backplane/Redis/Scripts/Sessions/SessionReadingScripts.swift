/// What owners read and store while they follow the order. ARGV 1 to 13 as of ``RedisScript/sessionParts``. They may be repeated.
extension RedisScript {
    /// ARGV: 14 the session; 15 its fence; 16 the number after which entries are wanted; 17 and 18 limits of a page: entries and
    /// bytes; then the topics to which the caller is subscribed.
    ///
    /// Answers what was observed, then why it was refused; or `topics`, the session's user and groups; or `page`, the number up to which it is
    /// complete, whether that is the hub's number, the entries in order, each topic (empty for the own one), number, number before, time
    /// and bytes, and the session's groups.
    ///
    /// Some entries of each topic that has newer ones are sorted. What is above the last entry of a topic of which more may follow, or
    /// beyond the page's limits, is left to the next page.
    static let readSession = RedisScript(
        name: "read session",
        source: Self.sessionParts + Self.ownTopics + """
            local problem = enter()
            if problem then return problem end
            local key, after = sessionKey(ARGV[14]), tonumber(ARGV[16])
            local why = objection(key, ARGV[15])
            if why then return reply(why) end
            local given = {}
            for i = 19, #ARGV do given[ARGV[i]] = true end
            local topics, groups = topicsOf(key, after)
            for topic in pairs(topics) do
                if not given[topic] then return reply('topics', redis.call('HGET', key, 'user') or '', groups) end
            end
            if isTrimmed(key, topics, after) then return reply('trimmed') end

            local active = {}
            for topic in pairs(topics) do
                local last = tonumber(redis.call('HGET', scope .. ':top:' .. topic, 'last'))
                if last and last > after then active[#active + 1] = topic end
            end
            local most, through, isLast, found = tonumber(ARGV[17]), number, 1, {}
            local portion = math.floor(most / (#active + 1)) + 2
            local function cut(at)
                through, isLast = math.min(through, at), 0
            end
            for _, topic in ipairs(active) do
                local entries = redis.call('XRANGE', scope .. ':log:' .. topic, text(after + 1), '+', 'COUNT', portion)
                for _, entry in ipairs(entries) do
                    local fields = {}
                    for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
                    local at = tonumber(string.match(entry[1], '^%d+'))
                    found[#found + 1] = {topic, at, tonumber(fields.p) or 0, tonumber(fields.t) or 0, fields.e or ''}
                end
                if #entries == portion then cut(found[#found][2]) end
            end
            local index, taken = 0, 0
            while taken < portion do
                local some = redis.call('LRANGE', key .. ':own', index, index + 63)
                for _, bytes in ipairs(some) do
                    local at, previous, time = ownEntry(bytes)
                    if at > after and taken < portion then
                        found[#found + 1] = {'', at, previous, time, string.sub(bytes, 25)}
                        taken = taken + 1
                    end
                end
                index = index + 64
                if #some < 64 then break end
            end
            if taken == portion then cut(found[#found][2]) end

            table.sort(found, function(left, right) return left[2] < right[2] end)
            local page, size = {}, 0
            for _, entry in ipairs(found) do
                if entry[2] > through then break end
                size = size + #entry[5] + 96
                if #page == most or #page > 0 and size > tonumber(ARGV[18]) then
                    through, isLast = page[#page][2], 0
                    break
                end
                page[#page + 1] = entry
            end
            return reply('page', through, isLast, page, groups)
            """
    )

    /// ARGV: per session its id, its fence, and number and dense number of the checkpoint, from 14 on. Answers what was observed, and
    /// one word for each.
    static let acknowledge = RedisScript(
        name: "acknowledge",
        source: Self.sessionParts + Self.ownTopics + """
            local function prune(key, through)
                local groups = redis.call('HGETALL', key .. ':groups')
                for i = 1, #groups, 2 do
                    local value, left = groups[i + 1], ''
                    if string.find(value, '%-%d') then
                        for from, to in intervals(value) do
                            if to == '' or tonumber(to) > through then left = left .. from .. '-' .. to .. ' ' end
                        end
                        if left == '' then
                            redis.call('HDEL', key .. ':groups', groups[i])
                        else
                            redis.call('HSET', key .. ':groups', groups[i], left .. string.match(value, '^[%d%- ]*(.*)$'))
                        end
                    end
                end
            end
            local function store(key, through, delivered)
                local fields = redis.call('HMGET', key, 'P', 'last', 'start', 'kept')
                local stored = tonumber(fields[1])
                if through > stored then
                    redis.call('HSET', key, 'P', text(through), 'n', delivered)
                    prune(key, through)
                    if tonumber(fields[2]) > tonumber(fields[3]) then
                        trimOwn(key, function(at) return at <= through end)
                    end
                end
                through = math.max(through, stored)
                -- Longer than needed, so that it need not be done each time.
                if now - tonumber(fields[4]) >= age / 8 or now < tonumber(fields[4]) then keepAll(key, (topicsOf(key, through))) end
            end
            local problem = enter()
            if problem then return problem end
            local answers = {}
            for i = 14, #ARGV, 4 do
                local key = sessionKey(ARGV[i])
                local why = objection(key, ARGV[i + 1])
                if not why then store(key, tonumber(ARGV[i + 2]), ARGV[i + 3]) end
                answers[#answers + 1] = why or 'ok'
            end
            return reply(answers)
            """
    )

    /// ARGV: topics, from 14 on. Answers what was observed, the number of the last entry of each, and what `lost` tells.
    static let lastNumbers = RedisScript(
        name: "last numbers",
        source: Self.sessionParts + """
            local problem = enter()
            if problem then return problem end
            local numbers = {}
            for i = 14, #ARGV do
                local session = string.match(ARGV[i], '^connection:(.*)$')
                local key = session and sessionKey(session) or scope .. ':top:' .. ARGV[i]
                numbers[#numbers + 1] = tonumber(redis.call('HGET', key, 'last')) or 0
            end
            return reply(numbers, lost())
            """
    )

    /// Pushes the hub's number to the node.
    static let markHub = RedisScript(
        name: "mark hub",
        source: Self.sessionParts + """
            local problem = enter()
            if problem then return problem end
            push(me, 'M' .. struct.pack('>I8I8', epoch, number))
            return reply('ok')
            """
    )
}
