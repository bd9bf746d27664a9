extension RedisScript {
    /// Gives a message a position in its topic's log and publishes it with that position.
    ///
    /// A topic that no node wants has no log: it has no subscriber and no head, as nodes make heads for the topics that they want, see
    /// ``RedisScript/refreshHeads``. Publishing to it writes nothing. While the name of Redis' data is new or missing, every topic has a log.
    ///
    /// Logs of topics without a subscriber are bounded together: the bytes that are logged for them are summed over the life of an entry, then the
    /// sum starts at zero again, so that they hold at most twice the bound. What a topic logged while it had a subscriber counts from its next
    /// publication without one, or once another topic's publication finds it without one, see ``settling``; if it exceeds the bound, the
    /// log is dropped and its epoch ends.
    ///
    /// KEYS: 1 the log, 2 its head; for a topic that may have no subscriber also 3 the name of Redis' data, 4 the mark that it is new, 5 the
    /// bytes that count of topics without a subscriber, 6 the topics that had one. ARGV: 1 channel, 2 the envelope, 3 the epoch to begin when
    /// there is none, 8 bytes; of the log 4 the most entries, 5 bytes and 6 ms; 7 ms that the head lives; 8 the most bytes of KEYS 5.
    /// Returns the epoch, the offset and how many were subscribed; an empty epoch and offset 0 when it was published without a position. The error
    /// `IDLEFULL` is the bound's; nothing has been published then.
    ///
    /// The log is a stream, offset by `t` ms, `b` bytes logged before it, `e` envelope. The head is a hash: `epoch`; `offset` of the last
    /// entry; `start`, the offset before the epoch's first, and `beginning`, see ``LogPage/Beginning``; `first` entry that is kept; `total` bytes ever logged; `base`, those before the
    /// first entry; `checked`, ms, when age was last looked at; `counted`, the part of `total` that has been added to KEYS 5. A log or a head that no node has written is replaced, as a new epoch.
    ///
    /// When Redis is out of memory, the oldest entries are removed. If that does not suffice, the epoch ends, so that nodes that were away report a
    /// loss, and the message is published without a position. Every other error leaves nothing behind.
    static let publish = RedisScript(
        name: "publish",
        source: Self.clock + Self.logEntries + """
            local log, head, envelope = KEYS[1], KEYS[2], ARGV[2]
            local idle = KEYS[5] and redis.pcall('GET', KEYS[5])
            idle = type(idle) == 'string' and tonumber(idle) or 0
            local count, bytes, age = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
            local epoch, offset, start, first, total, base, checked, counted
            local isNew = false

            local function refusal(reply, code)
                return type(reply) == 'table' and reply.err and (not code or string.find(reply.err, code, 1, true))
            end
            local function isIdle()
                local subscribers = redis.pcall('PUBSUB', 'NUMSUB', ARGV[1])
                return not refusal(subscribers) and subscribers[2] == 0
            end
            local function begin()
                if redis.call('EXISTS', log, head) > 0 then redis.call('DEL', log, head) end
                epoch, offset, start, first, total, base, checked, counted, isNew = ARGV[3], 0, 0, 1, 0, 0, 0, 0, true
            end
            -- Forgets all entries before the first for which `keeps` holds; it holds for every later one. The last always stays.
            local function trim(keeps)
                local low, high = first, offset
                while low < high do
                    local middle = math.floor((low + high) / 2)
                    local at, time, before = entry(log, middle)
                    if not at or keeps(at, time, before) then high = middle else low = middle + 1 end
                end
                redis.call('XTRIM', log, 'MINID', low)
                -- Which may be far above: entries also go when they expire.
                local at, _, before = entry(log, low)
                first, base = at or low, before or total
            end
            local function append()
                return redis.pcall('XADD', log, offset + 1, 't', now, 'b', total, 'e', envelope)
            end
            local function logged()
                return epoch .. struct.pack('>I8', offset + 1)
            end

            local fields = redis.pcall('HMGET', head, 'epoch', 'offset', 'start', 'first', 'total', 'base', 'checked', 'counted')
            if refusal(fields) and not refusal(fields, 'WRONGTYPE') then return fields end
            epoch, counted = fields[1], whole(fields[8]) or 0
            for i = 2, 7 do
                local number = whole(fields[i])
                if not number then epoch = false end
                fields[i] = number
            end
            if epoch and #epoch == 8 then
                offset, start, first, total, base, checked = unpack(fields, 2, 7)
            else
                if KEYS[3] and redis.call('EXISTS', log, head, KEYS[4]) == 0 and redis.call('EXISTS', KEYS[3]) == 1 and isIdle() then
                    return {'', 0, redis.call('PUBLISH', ARGV[1], envelope)}
                end
                epoch = false
            end
            if KEYS[5] and idle + #envelope + (epoch and 64 or 4608) > tonumber(ARGV[8]) and isIdle() then
                return redis.error_reply('IDLEFULL topics without a subscriber keep as much as they may')
            end
            if not epoch then begin() end

            local added = append()
            -- The last: somebody has written the largest of all ids, or set it.
            if refusal(added, 'WRONGTYPE') or refusal(added, 'ID specified') or refusal(added, 'exhausted') then
                begin()
                added = append()
            end
            if refusal(added, 'OOM') then
                -- Twice what is to come: memory is given back in pieces. After the first write Redis takes any other of the same script.
                local needed = 2 * #envelope + 16384
                if not isNew and total - base > needed then
                    local freed = base + needed
                    trim(function(_, _, before) return before >= freed end)
                    added = append()
                end
                if refusal(added, 'OOM') then
                    redis.call('DEL', log, head)
                    redis.pcall('HSET', head, 'epoch', ARGV[3], 'offset', 0, 'start', 0, 'first', 1, 'total', 0, 'base', 0, 'checked', 0,
                        'beginning', 1)
                    redis.pcall('PEXPIRE', head, ARGV[7])
                    return {'', 0, redis.call('PUBLISH', ARGV[1], envelope)}
                end
                isNew = true
            end
            if refusal(added) then return added end

            local receivers = redis.pcall('PUBLISH', ARGV[1], 'L' .. logged() .. envelope)
            if refusal(receivers) then
                redis.call('XDEL', log, offset + 1)
                if redis.call('XLEN', log) > 0 then redis.call('XSETID', log, offset) else redis.call('DEL', log) end
                return receivers
            end
            offset, total = offset + 1, total + #envelope
            local countedBefore, idleBefore = counted, idle
            if KEYS[5] and receivers == 0 then
                -- With what Redis takes for a log and its head, or for an entry.
                idle = idle + total - math.max(base, counted) + (counted <= base and 4608 or 64)
                counted = total
            end

            local isDue = math.abs(now - checked) >= 1000
            local isFull = offset - first >= count or total - base > bytes
            if isDue or isFull then
                local oldest = now - age
                local _, time = entry(log, first)
                if isFull or (time and time < oldest) then
                    -- Some more than has to go, so that it need not be done for each message.
                    local most = offset - first >= count and count - math.floor(count / 16) or count
                    local room = total - base > bytes and bytes - math.floor(bytes / 16) or bytes
                    trim(function(at, time, before)
                        return at > offset - most and total - before <= room and time >= oldest
                    end)
                    isNew = true
                end
            end
            if isNew then
                redis.call('HSET', head, 'epoch', epoch, 'offset', offset, 'start', start, 'first', first, 'total', total, 'base', base,
                    'counted', counted)
            elseif counted ~= countedBefore then
                redis.call('HSET', head, 'offset', offset, 'total', total, 'counted', counted)
            else
                redis.call('HSET', head, 'offset', offset, 'total', total)
            end
            if isDue then
                redis.call('HSET', head, 'checked', now)
                redis.call('PEXPIRE', log, age + 1000)
                redis.call('PEXPIRE', head, ARGV[7])
            end
            -- Also the first message with a subscriber after all before it was counted: nothing else would lead back to this topic.
            local fills = math.floor(total / 65536) > math.floor((total - #envelope) / 65536)
            if KEYS[6] and (isDue or fills or receivers > 0 and countedBefore >= total - #envelope) then

            """ + Self.settling + """
                end
                if idleBefore > 0 and idle > idleBefore then
                    redis.pcall('SET', KEYS[5], idle, 'KEEPTTL')
                elseif idle > idleBefore then
                    redis.pcall('SET', KEYS[5], idle, 'PX', age)
                end
                return {epoch, offset, receivers}
                """
    )

    /// Finds topics that have lost their last subscriber, whoever that was and however it went, without asking about every topic with every
    /// publication: KEYS 6 is a sorted set of the channels of logs that had a subscriber, by when one was last seen. One in 32 of the publications
    /// that get here, once a second for a topic, also looks at the 64 channels that were looked at longest ago: at two for each that can come. So
    /// does one with every 64 KiB that a topic logs, so that large messages do not wait to be counted. What
    /// such a topic has logged is counted; without room for it, nobody keeps it. Part of ``publish``, and of its variables.
    private static let settling = """
        local used, isNewChannel = KEYS[6], false
        if receivers > 0 then
            local added = redis.pcall('ZADD', used, now, ARGV[1])
            if refusal(added) then
                redis.pcall('DEL', used)
                added = redis.pcall('ZADD', used, now, ARGV[1])
            end
            isNewChannel = added == 1
        end
        local looks = fills or time[2] % 32 == 0
        if looks or isNewChannel then redis.pcall('PEXPIRE', used, age + 1000) end
        local channels = looks and redis.pcall('ZRANGE', used, 0, 63) or {}
        local subscribers = #channels > 0 and redis.pcall('PUBSUB', 'NUMSUB', unpack(channels)) or {}
        local inUse, left = {}, {}
        for i = 1, #subscribers / 2 do
            local found = channels[i]
            if subscribers[2 * i] > 0 then
                inUse[#inUse + 1] = now
                inUse[#inUse + 1] = found
            else
                left[#left + 1] = found
                local log, head = found .. ':log', found .. ':head'
                local fields = redis.pcall('HMGET', head, 'total', 'base', 'counted')
                local entries = redis.pcall('XLEN', log)
                local total, base, counted = whole(fields[1]), whole(fields[2]), whole(fields[3]) or 0
                if not total or not base or refusal(entries) then
                    redis.pcall('UNLINK', log)
                elseif entries > 0 and counted < total then
                    local size = total - math.max(base, counted) + 64 * entries + 4544
                    if idle + size <= tonumber(ARGV[8]) then
                        idle = idle + size
                        redis.pcall('HSET', head, 'counted', total)
                    else
                        redis.pcall('UNLINK', log)
                        redis.pcall('HSET', head, 'epoch', ARGV[3], 'offset', 0, 'start', 0, 'first', 1, 'total', 0, 'base', 0,
                            'checked', 0, 'counted', 0, 'beginning', 1)
                    end
                end
            end
        end
        if #inUse > 0 then redis.pcall('ZADD', used, unpack(inUse)) end
        if #left > 0 then redis.pcall('ZREM', used, unpack(left)) end

        """

    /// Reads entries of a log that may also hold entries of other programs.
    static let logEntries = """
        -- A number that a double holds exactly; else nil.
        local function whole(text)
            local number = type(text) == 'string' and #text <= 16 and string.find(text, '^%d+$') and tonumber(text)
            if number and number <= 9007199254740990 then return number end
        end
        local function offsetOf(id) return whole(string.match(id, '^%d+')) end
        -- Offset, ms and bytes before it of the first entry from an offset on; nil when there is none.
        local function entry(log, offset)
            local found = redis.call('XRANGE', log, offset, '+', 'COUNT', 1)[1]
            if not found then return nil end
            local fields = found[2]
            return offsetOf(found[1]) or 9007199254740990, whole(fields[2]) or 0, whole(fields[4]) or 0
        end

        """
}
