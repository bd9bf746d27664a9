extension RedisScript {
    /// Gives a message a position in its topic's log and publishes it with that position.
    ///
    /// A topic that no node wants has no log: it has no subscriber and no head, as nodes make heads for the topics that they want, see
    /// ``RedisScript/refreshHeads``. Publishing to it writes nothing. While the name of Redis' data is new or missing, every topic has a log.
    ///
    /// Logs of topics without a subscriber are bounded together: the bytes that are logged for them are summed over the life of an entry, then the
    /// sum starts at zero again, so that they hold at most twice the bound.
    ///
    /// KEYS: 1 the log, 2 its head; for a topic that may have no subscriber also 3 the name of Redis' data, 4 the mark that it is new, 5 the
    /// bytes that were logged without a subscriber. ARGV: 1 channel, 2 the envelope, 3 the epoch to begin when there is none, 8 bytes; of the
    /// log 4 the most entries, 5 bytes and 6 ms; 7 ms that the head lives; 8 the most bytes of KEYS 5.
    /// Returns the epoch, the offset and how many were subscribed; an empty epoch and offset 0 when it was published without a position. The error
    /// `IDLEFULL` is the bound's; nothing has been published then.
    ///
    /// The log is a stream, offset by `t` ms, `b` bytes logged before it, `e` envelope. The head is a hash: `epoch`; `offset` of the last
    /// entry; `start`, the offset before the epoch's first, and `beginning`, see ``LogPage/Beginning``; `first` entry that is kept; `total` bytes ever logged; `base`, those before the
    /// first entry; `checked`, ms, when age was last looked at. A log or a head that no node has written is replaced, as a new epoch.
    ///
    /// When Redis is out of memory, the oldest entries are removed. If that does not suffice, the epoch ends, so that nodes that were away report a
    /// loss, and the message is published without a position. Every other error leaves nothing behind.
    static let publish = RedisScript(
        name: "publish",
        source: Self.clock + Self.logEntries + """
            local log, head, envelope = KEYS[1], KEYS[2], ARGV[2]
            local count, bytes, age = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
            local epoch, offset, start, first, total, base, checked
            local isNew = false

            -- With what Redis takes for a log and its head, or for an entry, beside the envelope.
            local function idleSize(begins) return #envelope + (begins and 4608 or 64) end
            local idle = KEYS[5] and redis.pcall('GET', KEYS[5])
            idle = type(idle) == 'string' and tonumber(idle) or 0

            local function refusal(reply, code)
                return type(reply) == 'table' and reply.err and (not code or string.find(reply.err, code, 1, true))
            end
            local function isIdle()
                local subscribers = redis.pcall('PUBSUB', 'NUMSUB', ARGV[1])
                return not refusal(subscribers) and subscribers[2] == 0
            end
            local function begin()
                if redis.call('EXISTS', log, head) > 0 then redis.call('DEL', log, head) end
                epoch, offset, start, first, total, base, checked, isNew = ARGV[3], 0, 0, 1, 0, 0, 0, true
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

            local fields = redis.pcall('HMGET', head, 'epoch', 'offset', 'start', 'first', 'total', 'base', 'checked')
            if refusal(fields) and not refusal(fields, 'WRONGTYPE') then return fields end
            epoch = fields[1]
            for i = 2, 7 do
                local number = whole(fields[i])
                if not number then epoch = false end
                fields[i] = number
            end
            if epoch and #epoch == 8 then
                offset, start, first, total, base, checked = unpack(fields, 2)
            else
                if KEYS[3] and redis.call('EXISTS', log, head, KEYS[4]) == 0 and redis.call('EXISTS', KEYS[3]) == 1 and isIdle() then
                    return {'', 0, redis.call('PUBLISH', ARGV[1], envelope)}
                end
                epoch = false
            end
            if KEYS[5] and idle + idleSize(not epoch) > tonumber(ARGV[8]) and isIdle() then
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
            if KEYS[5] and receivers == 0 then
                local size = idleSize(offset == first)
                if idle > 0 then
                    redis.pcall('SET', KEYS[5], idle + size, 'KEEPTTL')
                else
                    redis.pcall('SET', KEYS[5], size, 'PX', age)
                end
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
                redis.call('HSET', head, 'epoch', epoch, 'offset', offset, 'start', start, 'first', first, 'total', total, 'base', base)
            else
                redis.call('HSET', head, 'offset', offset, 'total', total)
            end
            if isDue then
                redis.call('HSET', head, 'checked', now)
                redis.call('PEXPIRE', log, age + 1000)
                redis.call('PEXPIRE', head, ARGV[7])
            end
            return {epoch, offset, receivers}
            """
    )

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
