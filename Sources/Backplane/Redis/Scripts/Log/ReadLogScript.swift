extension RedisScript {
    /// Reads a topic's log from an offset, or from its start if the caller's epoch is another one. For a caller that follows
    /// the topic it also refreshes the head, as ``RedisScript/refreshHeads`` does; otherwise it writes nothing.
    ///
    /// For a caller that followed the topic before its link was lost the head must exist, because it outlives the disconnection.
    /// If it is missing, or not written by a node, messages may have been published without a log, or with one that is gone.
    /// Then an epoch begins whose history is incomplete, so that this caller and all others in the same situation report a gap.
    ///
    /// KEYS: 1 the log, 2 its head.
    ///
    /// ARGV: 1 the caller's epoch, or empty, 2 the first offset to read in that epoch, or `last` for the last entry of any
    /// epoch, 3 maximum of entries, 4 number of bytes after which to stop, 5 maximum size of an entry (a larger one is not from
    /// a node, and is returned empty), 6 lifetime of the head in ms, for a caller that follows the topic, 7 the epoch to begin if
    /// the head is missing, for a caller that followed the topic before.
    ///
    /// Returns the head's epoch, offset and start, the beginning of the epoch, see ``LogPage/Beginning``, and one list of
    /// alternating offsets and envelopes; an empty array if there is no log.
    static let readLog = RedisScript(
        name: "read log",
        source: Self.logEntries + Self.lostEpoch + Self.refreshHead + """
            local fields = redis.pcall('HMGET', KEYS[2], 'epoch', 'offset', 'start', 'beginning', 'wanted')
            if fields.err and not string.find(fields.err, 'WRONGTYPE', 1, true) then return fields end
            local epoch, last, start = fields[1], whole(fields[2]), whole(fields[3])
            local isHead = epoch and #epoch == 8 and last and start and start <= last
            -- A head without an epoch only marks the topic as used.
            if ARGV[7] and not isHead and (epoch or not fields[5]) then
                beginAfterLoss(KEYS[1], KEYS[2], ARGV[7], ARGV[6])
                return {ARGV[7], 0, 0, 1, {}}
            end
            if ARGV[6] then want(KEYS[2], ARGV[6]) end
            if not isHead then return {} end

            local from = ARGV[2] == 'last' and last or epoch == ARGV[1] and whole(ARGV[2]) or 1
            from = math.max(from, 1)
            local left, room = tonumber(ARGV[3]), tonumber(ARGV[4])
            local entries = {}
            while left > 0 and room > 0 do
                local portion = math.min(left, 16)
                local some = redis.pcall('XRANGE', KEYS[1], from, '+', 'COUNT', portion)
                if some.err then
                    if string.find(some.err, 'WRONGTYPE', 1, true) then break end
                    return some
                end
                for _, found in ipairs(some) do
                    local offset, envelope = offsetOf(found[1]), found[2][6] or ''
                    if not offset or offset > last or left <= 0 or room <= 0 then
                        left = 0
                        break
                    end
                    -- Not above the one before: an id of somebody else's, between ours.
                    if offset >= from then
                        if #envelope > tonumber(ARGV[5]) then envelope = '' end
                        entries[#entries + 1] = offset
                        entries[#entries + 1] = envelope
                        from, left, room = offset + 1, left - 1, room - #envelope
                    end
                end
                if #some < portion then break end
            end
            return {epoch, last, start, (fields[4] == '1' or fields[4] == '2') and tonumber(fields[4]) or 0, entries}
            """
    )
}
