extension RedisScript {
    /// Reads a topic's log from a position, or from its start if the caller's epoch is another one. For a caller that follows
    /// the topic it also refreshes the head, as ``RedisScript/refreshHeads`` does; otherwise it writes nothing.
    ///
    /// For a caller that followed the topic before its link was lost the head must exist, because it outlives the disconnection.
    /// If it is missing, or not written by a node, messages may have been published without a log, or with one that is gone.
    /// Then an epoch begins whose history is incomplete, so that this caller and all others in the same situation report a gap.
    ///
    /// KEYS: 1 the hub's head, 2 the log, 3 its head.
    ///
    /// ARGV: 1 the caller's epoch, or empty, 2 the first offset to read in that epoch, or `last` for the last entry of any
    /// epoch, 3 a number in the hub's order at or below that entry's, 4 maximum of entries, 5 number of bytes after which to stop, 6
    /// maximum size of an entry (a larger one is not from a node, and is returned empty), 7 lifetime of the head in ms, for a caller
    /// that follows the topic, 8 the epoch to begin if the head is missing, for a caller that followed the topic before.
    ///
    /// Returns the head's epoch, offset and the offset before the epoch's first entry, the beginning of the epoch, see
    /// ``LogPage/Beginning``, the last number, one list of numbers, offsets and envelopes in turn, and the hub's epoch and the
    /// number above which its numbers are; an empty array if there is no log.
    static let readLog = RedisScript(
        name: "read log",
        source: Self.logEntries + Self.lostEpoch + Self.refreshHead + """
            local log, top = KEYS[2], KEYS[3]
            local fields = redis.pcall('HMGET', top, 'epoch', 'offset', 'since', 'beginning', 'wanted', 'last')
            if fields.err and not string.find(fields.err, 'WRONGTYPE', 1, true) then return fields end
            local epoch, offset, since, last = fields[1], whole(fields[2]), whole(fields[3]), whole(fields[6])
            local isHead = epoch and #epoch == 8 and offset and since and last and since <= offset
            -- A head without an epoch only marks the topic as used.
            if ARGV[8] and not isHead and (epoch or not fields[5]) then
                local number = whole(redis.pcall('HGET', KEYS[1], 'number')) or 0
                beginAfterLoss(log, top, ARGV[8], ARGV[7], number)
                return {ARGV[8], 0, 0, 1, number, {}, 0, 0}
            end
            if ARGV[7] then want(top, ARGV[7], KEYS[1]) end
            if not isHead then return {} end

            local from, least = 1, 1
            if ARGV[2] == 'last' then
                from = last
            elseif epoch == ARGV[1] then
                from, least = whole(ARGV[3]) or 1, whole(ARGV[2]) or 1
                -- Not from this log.
                if from > last then from = 1 end
            end
            local left, room = tonumber(ARGV[4]), tonumber(ARGV[5])
            local entries = {}
            while left > 0 and room > 0 do
                local portion = math.min(left, 16)
                local some = redis.pcall('XRANGE', log, from, '+', 'COUNT', portion)
                if some.err then
                    if string.find(some.err, 'WRONGTYPE', 1, true) then break end
                    return some
                end
                for _, found in ipairs(some) do
                    local number, index, envelope = numberOf(found[1]), whole(found[2][10]), found[2][6] or ''
                    if not number or number > last or left <= 0 or room <= 0 then
                        left = 0
                        break
                    end
                    -- Not above the one before: an id of somebody else's, between ours.
                    if number >= from then
                        from = number + 1
                        if index and index >= least and index <= offset then
                            if #envelope > tonumber(ARGV[6]) then envelope = '' end
                            entries[#entries + 1] = number
                            entries[#entries + 1] = index
                            entries[#entries + 1] = envelope
                            least, left, room = index + 1, left - 1, room - #envelope
                        end
                    end
                end
                if #some < portion then break end
            end
            local order = redis.pcall('HMGET', KEYS[1], 'epoch', 'base')
            return {epoch, offset, since, (fields[4] == '1' or fields[4] == '2') and tonumber(fields[4]) or 0, last, entries,
                whole(order[1]) or 0, whole(order[2]) or 0}
            """
    )
}
