/// Parts of the log scripts.
extension RedisScript {
    /// Reads entries of a log, which may also contain entries of other programs.
    static let logEntries = """
        -- A number that a double holds exactly; else nil.
        local function whole(text)
            local number = type(text) == 'string' and #text <= 16 and string.find(text, '^%d+$') and tonumber(text)
            if number and number <= 9007199254740990 then return number end
        end
        local function numberOf(id) return whole(string.match(id, '^%d+')) end
        -- Number, ms, bytes before it, offset and the number before it of the first entry from a number on; nil when there is none.
        local function entry(log, number)
            local found = redis.call('XRANGE', log, number, '+', 'COUNT', 1)[1]
            if not found then return nil end
            local fields = found[2]
            return numberOf(found[1]) or 9007199254740990, whole(fields[2]) or 0, whole(fields[4]) or 0, whole(fields[10]) or 0,
                whole(fields[8]) or 0
        end

        """

    /// Begins an epoch without entries whose history is incomplete, in place of whatever the log and its head hold. Nodes that
    /// were disconnected report a gap, see ``LogPage/Beginning/afterLoss``. A Redis that is out of memory accepts it as well,
    /// because the deletion is the first write of the script. All entries up to `number` count as lost.
    static let lostEpoch = """
        local function beginAfterLoss(log, top, epoch, milliseconds, number)
            local kept = redis.pcall('HGET', top, 'keep')
            redis.pcall('UNLINK', log, top)
            redis.pcall('HSET', top, 'epoch', epoch, 'offset', 0, 'since', 0, 'first', 1, 'total', 0, 'base', 0, 'checked', 0,
                'counted', 0, 'beginning', 1, 'last', number, 'start', number)
            if type(kept) == 'string' then redis.pcall('HSET', top, 'keep', kept) end
            redis.pcall('PEXPIRE', top, milliseconds)
        end

        """

    /// Finds topics that have lost their last subscriber, for any reason, without a check of every topic at every publication.
    /// Part of `append` in ``topicLog``; uses its variables. Needs ``lostEpoch``.
    ///
    /// `<scope>:store:used` is a sorted set of the channels of the hub's logs that had a subscriber, scored by the time when one was
    /// last seen. This part runs at most about once per second for each topic, and for each 64 KiB that a topic logs. One in 32 of these runs,
    /// and each run after 64 KiB, also checks the 64 channels with the lowest scores. The bytes logged by channels without a
    /// subscriber are counted; if they exceed the limit, the log is deleted.
    static let settling = """
        local used, isNewChannel = store .. ':used', false
        if receivers > 0 then
            local added = redis.pcall('ZADD', used, now, channel)
            if refusal(added) then
                redis.pcall('DEL', used)
                added = redis.pcall('ZADD', used, now, channel)
            end
            isNewChannel = added == 1
        end
        local looks = fills or time[2] % 32 == 0
        if looks or isNewChannel then redis.pcall('PEXPIRE', used, age + 1000) end
        local channels = looks and redis.pcall('ZRANGE', used, 0, 63) or {}
        local subscribers = #channels > 0 and redis.pcall('PUBSUB', 'SHARDNUMSUB', unpack(channels)) or {}
        local inUse, left = {}, {}
        for i = 1, #subscribers / 2 do
            local found = channels[i]
            if subscribers[2 * i] > 0 then
                inUse[#inUse + 1] = now
                inUse[#inUse + 1] = found
            else
                left[#left + 1] = found
                -- What follows `:t:`.
                local topic = string.sub(found, #scope + 4)
                local log, top = scope .. ':log:' .. topic, scope .. ':top:' .. topic
                local fields = redis.pcall('HMGET', top, 'total', 'base', 'counted')
                local entries = redis.pcall('XLEN', log)
                local total, base, counted = whole(fields[1]), whole(fields[2]), whole(fields[3]) or 0
                if not total or not base or refusal(entries) then
                    redis.pcall('UNLINK', log)
                elseif entries > 0 and counted < total then
                    local size = total - math.max(base, counted) + 64 * entries + 4544
                    if idle + size <= tonumber(ARGV[12]) then
                        idle = idle + size
                        redis.pcall('HSET', top, 'counted', total)
                    else
                        beginAfterLoss(log, top, ARGV[8], ARGV[11], number)
                    end
                end
            end
        end
        if #inUse > 0 then redis.pcall('ZADD', used, unpack(inUse)) end
        if #left > 0 then redis.pcall('ZREM', used, unpack(left)) end

        """
}
