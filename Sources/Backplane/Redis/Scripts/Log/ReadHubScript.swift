extension RedisScript {
    /// Reads what was published on some topics of a hub behind a position, merged in the hub's order.
    ///
    /// What is missing of a topic shows in three ways: its start is above the position, see ``topicLog``; the first entry behind the
    /// position follows one that is behind it, too; or the last entry is behind the position and no entry is. A topic without a start has
    /// lost nothing above the last number that was given to a message without a log (`unlogged`) and above `floor()`.
    ///
    /// KEYS: 1 the hub's head, then the log and the head of each topic.
    ///
    /// ARGV: 1 to 7 of ``order``, 8 and 9 the epoch and the number of the position, both empty for the start of the logs; the position is
    /// not trusted; 10 maximum of entries, 0 for none; 11 number of bytes after which to stop; 12 maximum size of an entry (a larger
    /// one is not from a node, and is returned empty).
    ///
    /// Returns the epoch and the number of the hub; the history if the link has not been told it, or an empty text; the number up to which
    /// the entries are complete; whether there are no more; whether some may be missing behind the position; and one list of the numbers,
    /// epochs and envelopes in turn.
    static let readHub = RedisScript(
        name: "read hub",
        source: Self.clock + Self.logEntries + Self.plainOrder + """
            local problem = enter()
            if problem then return problem end
            local most, room, largest = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
            local after, isMissing = 0, 0
            if ARGV[8] ~= '' then
                local of = tonumber(ARGV[8])
                after = of > epoch and 0 or whole(ARGV[9]) or number + 1
                if of ~= epoch or after > number then isMissing = 1 end
                after = math.min(after, number)
            end
            local function miss()
                if ARGV[8] ~= '' then isMissing = 1 end
            end

            local found, size, bound, isLast = {}, 0, number, 1
            -- Drops what a page has no room for, from the end.
            local function cut()
                table.sort(found, function(left, right) return left[1] < right[1] end)
                while #found > most or #found > 1 and size - #found[#found][2] >= room do
                    local last = table.remove(found)
                    size, bound, isLast = size - #last[2], last[1] - 1, 0
                end
            end
            local function collect(log)
                local from, portion = after + 1, 1
                while from <= bound do
                    -- The first in any case: it tells whether some before it are missing.
                    local some = redis.pcall('XRANGE', log, from, portion == 1 and '+' or bound, 'COUNT', portion)
                    if refusal(some, 'WRONGTYPE') then some = {} end
                    if some.err then return some end
                    if portion == 1 and (#some == 0 or (whole(some[1][2][8]) or 0) > after) then miss() end
                    local before = from
                    for _, entry in ipairs(some) do
                        local at, envelope = numberOf(entry[1]), entry[2][6] or ''
                        if not at or at > bound then break end
                        if #envelope > largest then envelope = '' end
                        if at >= from then
                            found[#found + 1] = {at, envelope}
                            size, from = size + #envelope, at + 1
                        end
                    end
                    if #some < portion or from == before then return end
                    if #found >= most + 256 or size >= 2 * room then cut() end
                    portion = 16
                end
            end
            for i = 2, most > 0 and #KEYS or 1, 2 do
                local fields = redis.pcall('HMGET', KEYS[i + 1], 'start', 'last')
                local start, last = whole(fields[1]), whole(fields[2]) or 0
                if fields.err then start, last = number, number end
                if not start then start = math.max(floor(), whole(redis.call('HGET', hub, 'unlogged')) or 0) end
                if start > after then miss() end
                local failed = last > after and collect(KEYS[i])
                if failed then return failed end
            end
            cut()

            local epochs = {}
            for start, base in string.gmatch(redis.call('HGET', hub, 'starts') or '', '(%d+):(%d+),') do
                epochs[#epochs + 1] = {tonumber(start), tonumber(base)}
            end
            local entries = {}
            for _, entry in ipairs(found) do
                local i = #epochs
                while i > 1 and entry[1] <= epochs[i][2] do i = i - 1 end
                entries[#entries + 1] = entry[1]
                entries[#entries + 1] = epochs[i] and epochs[i][1] or epoch
                entries[#entries + 1] = entry[2]
            end
            return {epoch, number, run ~= ARGV[1] and run or '', bound, isLast, isMissing, entries}
            """
    )
}
