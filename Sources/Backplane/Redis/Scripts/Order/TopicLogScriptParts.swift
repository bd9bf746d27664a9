/// Parts of the scripts that append to logs of topics. They need ``clock``, ``logEntries``, ``order`` and ``lostEpoch``.
///
/// **The log of a topic** is a stream. The id of an entry is its number in the hub's order. The fields of an entry are `t`, the time
/// in ms; `b`, the bytes logged before it; `e`, the envelope; `p`, the number before it in its topic, 0 for the first; `o`, its
/// offset, which counts the entries of the topic; and `x`, when it expires, if it does.
///
/// **The head of a topic** is a hash:
///
/// | field | contents |
/// | --- | --- |
/// | `last` | the number of the last entry |
/// | `start` | the entries since the log began are above this number, and nothing before them is missing above it |
/// | `epoch` | names the sequence of offsets; 8 bytes |
/// | `offset` | of the last entry |
/// | `since` | the offset before the first entry of the epoch |
/// | `beginning` | how the epoch began, see ``LogPage/Beginning`` |
/// | `first` | the offset of the first entry that is kept |
/// | `total`, `base` | the bytes ever logged; those before the first entry |
/// | `checked` | when the age was last checked, in ms |
/// | `counted` | the part of `total` that has been added to the bytes of topics without a subscriber |
/// | `keep` | until then, in ms, a resumable member may need all entries of the log's age |
/// | `wanted` | set when the head was created by a node that uses the topic, see ``refreshHeads`` |
///
/// A log or a head that was not written by a node is replaced by a new epoch.
extension RedisScript {
    /// ARGV: 8 the epoch to begin if a topic has none (8 bytes); 9 and 10 maximum of entries and of bytes in a log; 11 lifetime of
    /// heads in ms; 12 maximum of bytes for topics without a subscriber; 13 the kind of the topic: `hub` for one of the default hub
    /// and `other` for one of another hub, that may have no subscriber; `node` for a node's own; empty for a topic that always has a log.
    ///
    /// - `append(log, top, channel, envelope, expiry)` gives the envelope the next number, appends it to the topic's log and publishes
    ///   it. Returns the number of subscribers and the number of the log entry, 0 if it was published without one; or an error, with
    ///   nothing done. The caller calls `save`.
    /// - `appendOwn(list, previous, channel, connection, entry)` gives an entry of a session's own topic the next number and appends
    ///   it to the session's list. `channel` is that of the owning node, false when there is none. Returns the number, or an error.
    ///   The caller calls `save`.
    /// - `keep(log, top)` makes a topic keep what a resumable member may need, and have a log from now on.
    /// - `startOf(log, top)`: every later entry of the topic is in its log. Also for a topic that has none.
    static let topicLog = """
        local count, bytes = tonumber(ARGV[9]), tonumber(ARGV[10])
        local isCounted = ARGV[13] == 'hub' or ARGV[13] == 'other'
        local store = isCounted and scope .. ':store'

        -- Functions of `append`, outside of it: what they capture would cost each publication.
        local function isIdle(channel)
            local subscribers = redis.pcall('PUBSUB', 'SHARDNUMSUB', channel)
            return not refusal(subscribers) and subscribers[2] == 0
        end
        -- Returns the start of a new log.
        local function begin(log, top, isLost)
            local kept = redis.pcall('HMGET', top, 'keep', 'start')
            if redis.call('EXISTS', log) == 1 then isLost = true end
            local start = isLost and number or whole(kept[2])
                or math.max(floor(), whole(redis.call('HGET', hub, 'unlogged')) or 0)
            if isLost or kept[1] or kept[2] then redis.call('DEL', log, top) end
            if kept[1] then redis.pcall('HSET', top, 'keep', kept[1]) end
            return start
        end
        -- Forgets all entries before the first for which `keeps` holds; it holds for every later one. The last always stays.
        -- Returns the offset of the first that stays, and the bytes before it.
        local function trim(log, offset, total, keeps)
            local low, high = entry(log, 0) or number, number
            while low < high do
                local middle = math.floor((low + high) / 2)
                local at, time, before, index = entry(log, middle)
                if not at or keeps(index, time, before) then high = middle else low = at + 1 end
            end
            redis.call('XTRIM', log, 'MINID', low)
            -- Which may be far above: entries also go when they expire.
            local at, _, before, index = entry(log, low)
            return index or offset + 1, before or total
        end
        local function add(log, id, total, envelope, previous, offset, expiry)
            if expiry then
                return redis.pcall('XADD', log, id, 't', now, 'b', total, 'e', envelope, 'p', previous, 'o', offset, 'x', expiry)
            end
            return redis.pcall('XADD', log, id, 't', now, 'b', total, 'e', envelope, 'p', previous, 'o', offset)
        end

        local function append(log, top, channel, envelope, expiry)
            local idle = isCounted and whole(redis.pcall('GET', store .. ':idle')) or 0
            if isCounted and idle + #envelope + 4608 > tonumber(ARGV[12]) then
                -- Nodes always set an expiry of at most the age: a sum without one, or with a later one, was not written by a node.
                local left = redis.call('PTTL', store .. ':idle')
                if left == -1 or left > age then
                    redis.call('DEL', store .. ':idle')
                    idle = 0
                end
            end
            local fields = redis.pcall('HMGET', top, 'epoch', 'offset', 'last', 'total', 'first', 'base', 'checked', 'counted')
            if fields.err and not refusal(fields, 'WRONGTYPE') then return fields end
            local topic, start, isNew = fields[1], nil, false
            local isKnown = topic and #topic == 8 and fields[2] and fields[3] and fields[4] and fields[5] and fields[6] and fields[7]
                and fields[8] and not string.find(table.concat(fields, ' ', 2), '[^%d ]')
            local offset, previous, total = tonumber(fields[2]), tonumber(fields[3]), tonumber(fields[4])
            local first, base, checked, counted = tonumber(fields[5]), tonumber(fields[6]), tonumber(fields[7]), tonumber(fields[8])
            isKnown = isKnown and offset and previous and total and first and base and checked and counted
                and math.max(offset, previous, total, first, base, checked, counted) <= 9007199254740990

            if not isKnown then
                local isOptional = ARGV[13] ~= '' and not (isCounted and redis.call('EXISTS', store .. ':new') == 1)
                    and (ARGV[13] ~= 'hub' or redis.call('EXISTS', store) == 1)
                if isOptional and redis.call('EXISTS', log, top) == 0 and isIdle(channel) then
                    local receivers = redis.pcall('SPUBLISH', channel, envelope)
                    if refusal(receivers) then return receivers end
                    number, isUnlogged = number + 1, true
                    return receivers, 0
                end
            end
            if isCounted and idle + #envelope + (isKnown and 64 or 4608) > tonumber(ARGV[12]) and isIdle(channel) then
                return redis.error_reply('IDLEFULL topics without a subscriber keep as much as they may')
            end
            if not isKnown then
                start = begin(log, top, topic or fields.err)
                topic, offset, previous, total, first, base, checked, counted, isNew = ARGV[8], 0, 0, 0, 1, 0, 0, 0, true
            end

            local id = string.format('%.0f', number + 1)
            -- Texts in place of numbers that would have to be formatted again.
            local added = add(log, id, isNew and 0 or fields[4], envelope, isNew and 0 or fields[3], offset + 1, expiry)
            -- The last: somebody has written the largest of all ids, or set it.
            if refusal(added, 'WRONGTYPE') or refusal(added, 'ID specified') or refusal(added, 'exhausted') then
                start = begin(log, top, true)
                topic, offset, previous, total, first, base, checked, counted, isNew = ARGV[8], 0, 0, 0, 1, 0, 0, 0, true
                added = add(log, id, total, envelope, previous, offset + 1, expiry)
            end
            if refusal(added, 'OOM') then
                -- Twice what is to come: memory is given back in pieces. After the first write Redis takes any other of the same script.
                local needed = 2 * #envelope + 16384
                if not isNew and total - base > needed then
                    local freed = base + needed
                    first, base = trim(log, offset, total, function(_, _, before) return before >= freed end)
                    isNew = true
                    added = add(log, id, total, envelope, previous, offset + 1, expiry)
                end
                if refusal(added, 'OOM') then
                    local receivers = redis.pcall('SPUBLISH', channel, envelope)
                    if refusal(receivers) then return receivers end
                    number = number + 1
                    beginAfterLoss(log, top, ARGV[8], ARGV[11], number)
                    return receivers, 0
                end
            end
            if refusal(added) then return added end

            local receivers = redis.pcall('SPUBLISH', channel,
                'L' .. topic .. struct.pack('>I8I8I8I8', offset + 1, epoch, number + 1, previous) .. envelope)
            if refusal(receivers) then
                redis.call('XDEL', log, id)
                if redis.call('XLEN', log) > 0 then redis.call('XSETID', log, previous) else redis.call('DEL', log) end
                return receivers
            end
            offset, total, number = offset + 1, total + #envelope, number + 1
            local countedBefore, idleBefore = counted, idle
            if isCounted and receivers == 0 then
                -- With what Redis takes for a log and its head, or for an entry.
                idle = idle + total - math.max(base, counted) + (counted <= base and 4608 or 64)
                counted = total
            end

            local isDue = math.abs(now - checked) >= 1000
            local isFull = offset - first >= count or total - base > bytes
            if isDue or isFull then
                local count, bytes, oldest = count, bytes, now - age
                local kept = isFull and whole(redis.call('HGET', top, 'keep'))
                if kept and kept > now then
                    count, bytes = math.max(count, 1000), math.max(bytes, 16777216)
                    isFull = offset - first >= count or total - base > bytes
                end
                local _, time = entry(log, 0)
                if isFull or (time and time < oldest) then
                    -- Some more than has to go, so that it need not be done for each message.
                    local most = offset - first >= count and count - math.floor(count / 16) or count
                    local room = total - base > bytes and bytes - math.floor(bytes / 16) or bytes
                    first, base = trim(log, offset, total, function(index, time, before)
                        return index > offset - most and total - before <= room and time >= oldest
                    end)
                    isNew = true
                end
            end
            if start then redis.call('HSET', top, 'epoch', topic, 'since', 0, 'start', start) end
            if isNew then
                redis.call('HSET', top, 'offset', offset, 'last', id, 'total', total, 'first', first, 'base', base, 'counted', counted)
            elseif counted ~= countedBefore then
                redis.call('HSET', top, 'offset', offset, 'last', id, 'total', total, 'counted', counted)
            else
                redis.call('HSET', top, 'offset', offset, 'last', id, 'total', total)
            end
            if isDue then
                redis.call('HSET', top, 'checked', now)
                redis.call('PEXPIRE', log, age + 1000)
                redis.call('PEXPIRE', top, ARGV[11])
            end
            -- Also the first message with a subscriber after all before it was counted: nothing else would lead back to this topic.
            local fills = math.floor(total / 65536) > math.floor((total - #envelope) / 65536)
            if isCounted and (isDue or fills or receivers > 0 and countedBefore >= total - #envelope) then

        """ + Self.settling + """
                end
                if idleBefore > 0 and idle > idleBefore then
                    redis.pcall('SET', store .. ':idle', idle, 'KEEPTTL')
                elseif idle > idleBefore then
                    redis.pcall('SET', store .. ':idle', idle, 'PX', age)
                end
                return receivers, number, id
            end

            """

    /// The functions of ``topicLog`` that only scripts of sessions need. After ``topicLog``.
    static let sessionLogs = """
        local function appendOwn(list, previous, channel, connection, entry)
            local added = redis.pcall('RPUSH', list, struct.pack('>I8I8I8', number + 1, previous, now) .. entry)
            if refusal(added) then return added end
            number = number + 1
            if channel then
                redis.pcall('SPUBLISH', channel, 'S' .. struct.pack('>I8I8I8', epoch, number, previous) .. connection .. entry)
            end
            return number
        end
        local function keep(log, top)
            local fields = redis.call('HMGET', top, 'start', 'last')
            if fields[1] then
                redis.call('HSET', top, 'keep', now + age)
            else
                redis.call('HSET', top, 'keep', now + age, 'start', fields[2] or floor())
            end
            if redis.call('PTTL', top) < tonumber(ARGV[11]) then redis.call('PEXPIRE', top, ARGV[11]) end
        end
        local function startOf(log, top)
            local fields = redis.call('HMGET', top, 'start', 'last')
            local start, last = whole(fields[1]), whole(fields[2])
            if not start then return floor() end
            local at, _, _, _, previous = entry(log, 0)
            return math.max(start, at and previous or last or 0)
        end

        """
}
