extension RedisScript {
    /// Assigns the next position in its topic's log to a message and publishes it with this position.
    ///
    /// A topic that no node uses has no log. It has no subscriber and no head, because nodes create heads for the topics that
    /// they use, see ``RedisScript/refreshHeads``. Publishing to such a topic writes nothing. While the name of the hub's data is
    /// new, every topic of the hub has a log; also while it is missing, for the default hub, whose name never expires.
    ///
    /// Logs of a hub's topics without a subscriber have a common limit. The bytes logged for them are summed over the lifetime of an
    /// entry; then the sum starts at zero again, so they hold at most twice the limit. Bytes that a topic logged while it had a
    /// subscriber are counted with its next publication without one, or when a publication to another topic finds it without
    /// one, see ``settling``. If they exceed the limit, the log is deleted and its epoch ends.
    ///
    /// KEYS: 1 the log, 2 its head; if it is a hub's topic that may have no subscriber also 3 the name of the hub's data, 4 the
    /// mark that it is new, 5 the bytes counted for topics without a subscriber, 6 the topics that had a subscriber.
    ///
    /// ARGV: 1 channel, 2 the envelope, 3 the epoch to begin if there is none (8 bytes), 4 maximum of entries in the log, 5
    /// maximum of its bytes, 6 maximum age in ms, 7 lifetime of the head in ms, 8 maximum of KEYS 5, 9 for a topic of a hub
    /// that is not the default one, and for a node's own: a missing name does not mean that the topic has a log. Left out for a
    /// node's own topic while the data may be new.
    ///
    /// Returns the epoch, the offset and the number of subscribers; an empty epoch and offset 0 if the message was published
    /// without a position. The error `IDLEFULL` means that the common limit is reached and nothing has been published.
    ///
    /// The log is a stream. The id of an entry is its offset. Its fields are `t`, the time in ms, `b`, the bytes logged before
    /// it, and `e`, the envelope. The head is a hash of `epoch`; `offset` of the last entry; `start`, the offset before the
    /// epoch's first entry; `beginning`, see ``LogPage/Beginning``; `first`, the first entry that is kept; `total` of bytes
    /// ever logged; `base`, the bytes before the first entry; `checked`, the time of the last check of the age in ms;
    /// `counted`, the part of `total` that has been added to KEYS 5. A log or a head that was not written by a node is replaced
    /// by a new epoch.
    ///
    /// If Redis is out of memory, the oldest entries are removed. If that does not suffice, the epoch ends, so that nodes that
    /// were disconnected report a loss, and the message is published without a position. Any other error leaves the log
    /// unchanged.
    static let publish = RedisScript(
        name: "publish",
        source: Self.clock + Self.logEntries + Self.lostEpoch + """
            local log, head, envelope = KEYS[1], KEYS[2], ARGV[2]
            local idle = KEYS[5] and redis.pcall('GET', KEYS[5])
            idle = whole(idle) or 0
            local count, bytes, age = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
            if KEYS[5] and idle + #envelope + 4608 > tonumber(ARGV[8]) then
                -- Nodes always set an expiry of at most the age: a sum without one, or with a later one, was not written by a node.
                local left = redis.call('PTTL', KEYS[5])
                if left == -1 or left > age then
                    redis.call('DEL', KEYS[5])
                    idle = 0
                end
            end
            local epoch, offset, start, first, total, base, checked, counted
            local isNew = false

            local function refusal(reply, code)
                return type(reply) == 'table' and reply.err and (not code or string.find(reply.err, code, 1, true))
            end
            local function isIdle()
                local subscribers = redis.pcall('PUBSUB', 'SHARDNUMSUB', ARGV[1])
                return not refusal(subscribers) and subscribers[2] == 0
            end
            local function isOptional()
                if KEYS[4] and redis.call('EXISTS', KEYS[4]) == 1 then return false end
                return ARGV[9] or KEYS[3] and redis.call('EXISTS', KEYS[3]) == 1
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
                if isOptional() and redis.call('EXISTS', log, head) == 0 and isIdle() then
                    return {'', 0, redis.call('SPUBLISH', ARGV[1], envelope)}
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
                    beginAfterLoss(log, head, ARGV[3], ARGV[7])
                    return {'', 0, redis.call('SPUBLISH', ARGV[1], envelope)}
                end
                isNew = true
            end
            if refusal(added) then return added end

            local receivers = redis.pcall('SPUBLISH', ARGV[1], 'L' .. logged() .. envelope)
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
}
