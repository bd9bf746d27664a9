/// Parts of the scripts of sessions.
///
/// The keys of a session are named after its connection's id:
///
/// | key | contents |
/// | --- | --- |
/// | `<hub>:session:<id>` | hash, see below |
/// | `<hub>:session:<id>:groups` | hash: ``NameKey`` of a group to its intervals, `<from>-<to> <from>- `, and `/<name>` if the key is a hash |
/// | `<hub>:session:<id>:own` | list: the entries of its own topic, each number, number before and time (8 bytes each), and the entry |
/// | `<hub>:sessions` | sorted set: all ids, in order |
/// | `<hub>:n:<node>:sessions` | sorted set: the ids of the sessions that a node owns, in order |
/// | `<hub>:detached` | sorted set: the ids of detached sessions, scored by the end of their windows in ms |
/// | `<hub>:ended`, `:ended:times` | hash: id of a removed session to what an application must be told, see below; sorted set: when it ended |
///
/// | field | contents |
/// | --- | --- |
/// | `fence` | of the owner: `<epoch>-<number>` |
/// | `node` | the owner; empty while detached |
/// | `until` | while detached: the end of the window in ms |
/// | `epoch` | for which the owner has vouched |
/// | `P`, `n` | the checkpoint |
/// | `user`, `userKey`, `protocol`, `token`, `window`, `announces` | see ``SessionAttachment``; empty for no user |
/// | `permissions`, `state` | see ``ControlEntryCodec`` |
/// | `opened` | ``SessionRecord/connectedAt``; missing in records of older nodes |
/// | `acks` | acknowledged ids, oldest first: `<first>+<count> ` for numbers, `=<hex> ` for a text, `#<number> ` for large numbers |
/// | `last`, `start`, `bytes` | of the own topic: number of the last entry; all later entries are in the list; bytes in the list |
/// | `kept` | when its topics were last told to keep what the session may need, in ms |
///
/// A value of `<hub>:ended` is the lengths of user, reason and state, 4 bytes each, and these. A later format adds what it needs behind
/// them, and fields to the hashes: nodes read only what they know.
extension RedisScript {
    /// What the scripts of sessions begin with. KEYS and ARGV 1 to 13 as of ``order`` and ``topicLog``; ARGV 5 to 7 also for scripts
    /// that are no operation, with sequence 0.
    static let sessionParts = Self.clock + Self.logEntries + Self.order + Self.sessionLogs + Self.sessionFunctions

    /// As ``sessionParts``, for scripts that append to topics that are not a session's own.
    static let publishingParts =
        Self.clock + Self.logEntries + Self.order + Self.lostEpoch + Self.trimming + Self.topicLog + Self.sessionLogs
        + Self.sessionFunctions

    private static let sessionFunctions = """
        local me = string.match(ARGV[5], '^op:(%x+)')
        local function sessionKey(id) return scope .. ':session:' .. id end
        local function ownedBy(node) return scope .. ':n:' .. node .. ':sessions' end
        local function text(number) return string.format('%.0f', number) end
        local function push(node, frame) redis.pcall('SPUBLISH', scope .. ':n:' .. node .. ':t', frame) end
        -- The answer of every script.
        local function reply(answer, ...) return {observed(), answer, ...} end
        -- Of an operation that is executed now.
        local function executed(answer, ...)
            local saved = save()
            if refusal(saved) then return saved end
            operation = tonumber(ARGV[6])
            return reply(answer, ...)
        end
        local function refused(why)
            local saved = refuse(why)
            if refusal(saved) then return saved end
            operation = tonumber(ARGV[6])
            return reply(why)
        end
        -- Of another script, which took a number.
        local function numbered(answer, ...)
            set(hub, 'number', number)
            return reply(answer, ...)
        end

        -- Why the caller may not write for a session; nil when it owns it in this epoch.
        local function objection(key, fence)
            local fields = redis.call('HMGET', key, 'fence', 'epoch')
            if not fields[1] then return 'gone' end
            if fields[1] ~= fence then return 'fenced' end
            if tonumber(fields[2]) ~= epoch then return 'unverified' end
        end

        -- Iterates over from and to of a group's intervals; to is empty for an open one.
        local function intervals(value) return string.gmatch(string.match(value, '^[%d%- ]*'), '(%d+)%-(%d*)') end
        -- The topics that a replay after a number reads, but its own: each with the number above which it needs every entry. And groups.
        local function topicsOf(key, after)
            local topics, user = {all = after}, redis.call('HGET', key, 'userKey')
            if user and user ~= '' then topics['user:' .. user] = after end
            local groups = redis.call('HGETALL', key .. ':groups')
            for i = 1, #groups, 2 do
                local lowest
                for from, to in intervals(groups[i + 1]) do
                    from = tonumber(from)
                    if (to == '' or tonumber(to) > after) and (not lowest or from < lowest) then lowest = from end
                end
                if lowest then topics['group:' .. groups[i]] = math.max(after, lowest) end
            end
            return topics, groups
        end
        local function logOf(topic) return scope .. ':log:' .. topic, scope .. ':top:' .. topic end
        local function isTrimmed(key, topics, after)
            if (tonumber(redis.call('HGET', key, 'start')) or 0) > after then return true end
            for topic, needed in pairs(topics) do
                if startOf(logOf(topic)) > needed then return true end
            end
            return false
        end
        local function keepAll(key, topics)
            for topic in pairs(topics) do keep(logOf(topic)) end
            redis.call('HSET', key, 'kept', now)
        end

        """

    /// Entries of the own topic. After ``sessionParts``.
    static let ownTopics = """
        local function ownEntry(bytes)
            local at, previous, time = struct.unpack('>I8I8I8', bytes)
            return at, previous, time
        end
        -- Removes entries from the front while `goes` holds for number, time, and how many and how many bytes are left.
        local function trimOwn(key, goes)
            local fields = redis.call('HMGET', key, 'start', 'bytes')
            local start, size, removed = tonumber(fields[1]), tonumber(fields[2]), 0
            local left = redis.call('LLEN', key .. ':own')
            while left > 0 do
                local first = redis.call('LINDEX', key .. ':own', 0)
                local at, _, time = ownEntry(first)
                if not goes(at, time, left, size) then break end
                redis.call('LPOP', key .. ':own')
                start, size, left, removed = at, size - #first, left - 1, removed + 1
            end
            if removed > 0 then redis.call('HSET', key, 'start', start, 'bytes', size) end
        end
        -- Appends to the own topic of a session that exists. Returns an error, with nothing done, or nil.
        local function toOwn(id, entry)
            local key = sessionKey(id)
            local fields = redis.call('HMGET', key, 'node', 'last')
            local channel = fields[1] ~= '' and scope .. ':n:' .. fields[1] .. ':t'
            local added = appendOwn(key .. ':own', tonumber(fields[2]), channel, id, entry)
            if refusal(added) then return added end
            redis.call('HSET', key, 'last', number)
            redis.call('HINCRBY', key, 'bytes', #entry + 24)
            local most, room = math.max(tonumber(ARGV[9]), 1000), math.max(tonumber(ARGV[10]), 16777216)
            trimOwn(key, function(_, time, left, size) return now - time > age or left > most or left > 1 and size > room end)
        end

        """

    /// The ids of a client's actions that succeeded. After ``sessionParts``.
    static let acknowledgedIDs = """
        -- Whether an id is among the remembered ones.
        local function isAcknowledged(key, id)
            local list = redis.call('HGET', key, 'acks') or ''
            if not string.find(id, '^%d') then return string.find(' ' .. list, ' ' .. id .. ' ', 1, true) ~= nil end
            local number = tonumber(id)
            for first, length in string.gmatch(list, '(%d+)%+(%d+) ') do
                first = tonumber(first)
                if number >= first and number < first + tonumber(length) then return true end
            end
            return false
        end
        -- Adds one that is not; beyond 1,000 the oldest is forgotten.
        local function remember(key, id)
            local list = redis.call('HGET', key, 'acks') or ''
            local isNumber = string.find(id, '^%d')
            local before, first, length = string.match(list, '^(.-)(%d+)%+(%d+) $')
            if isNumber and first and tonumber(first) + tonumber(length) == tonumber(id) then
                list = before .. first .. '+' .. text(tonumber(length) + 1) .. ' '
            else
                list = list .. id .. (isNumber and '+1 ' or ' ')
            end
            local total = 0
            for token in string.gmatch(list, '%S+') do total = total + tonumber(string.match(token, '^%d+%+(%d+)$') or 1) end
            if total > 1000 then
                local token, rest = string.match(list, '^(%S+) (.*)$')
                local first, length = string.match(token, '^(%d+)%+(%d+)$')
                if first and length ~= '1' then
                    rest = text(tonumber(first) + 1) .. '+' .. text(tonumber(length) - 1) .. ' ' .. rest
                end
                list = rest
            end
            redis.call('HSET', key, 'acks', list)
        end

        """

    /// The ends of sessions. After ``sessionParts``.
    static let ends = """
        local function forgetEnded()
            local old = redis.call('ZRANGEBYSCORE', scope .. ':ended:times', '-inf', now - 3600000, 'LIMIT', 0, 1000)
            for _, id in ipairs(old) do redis.call('HDEL', scope .. ':ended', id) end
            if #old > 0 then
                redis.call('ZREM', scope .. ':ended:times', unpack(old))
                redis.call('HINCRBY', hub, 'untold', #old)
            end
        end
        -- Deletes the record, its intervals and its own topic.
        local function delete(id, reason)
            local key = sessionKey(id)
            local fields = redis.call('HMGET', key, 'node', 'announces', 'user', 'state')
            redis.call('UNLINK', key, key .. ':groups', key .. ':own')
            redis.call('ZREM', scope .. ':sessions', id)
            redis.call('ZREM', scope .. ':detached', id)
            if fields[1] ~= '' then redis.call('ZREM', ownedBy(fields[1]), id) end
            if fields[2] ~= '1' then return end
            forgetEnded()
            if redis.call('HLEN', scope .. ':ended') >= 100000 then
                redis.call('HINCRBY', hub, 'untold', 1)
                return
            end
            local user, state = fields[3], fields[4]
            redis.call('HSET', scope .. ':ended', id, struct.pack('>I4I4I4', #user, #reason, #state) .. user .. reason .. state)
            redis.call('ZADD', scope .. ':ended:times', now, id)
        end
        local function detach(id)
            local key = sessionKey(id)
            local fields = redis.call('HMGET', key, 'node', 'window', 'P')
            local ending = now + tonumber(fields[2])
            redis.call('HSET', key, 'node', '', 'until', ending)
            redis.call('ZREM', ownedBy(fields[1]), id)
            redis.call('ZADD', scope .. ':detached', ending, id)
            keepAll(key, (topicsOf(key, tonumber(fields[3]))))
        end

        """
}
