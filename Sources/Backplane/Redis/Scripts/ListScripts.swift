extension RedisScript {
    /// One page of the live nodes' connections, merged in the order of their ids.
    ///
    /// Each node's index is read from the cursor on, a portion at a time, so that about as much is read as the page holds, however
    /// deep the page and however many the connections. The count of a filter comes from the ranks of its first and last entry.
    ///
    /// KEYS: 1 nodes, 2 names.
    /// ARGV: 1 `<prefix>:node:`, 2 limit, 3 the id to begin after or nothing, 4 the only node's name or nothing, 5 what the entries of
    /// the filter begin with, up to and with a `/`, or nothing.
    /// Returns: 1 for each connection its id, node's name, and details or nil; 2 how many match; 3 whether more follow, 1 or 0; 4 the
    /// names of matching nodes that cannot answer for all they hold: their lease has expired, their index is none, or they are registering; 5 the ids
    /// of all nodes with a live lease, matching or not.
    static let connections = RedisScript(
        name: "connections",
        source: Self.clock + Self.attempt + Self.registering + """
            local limit, prefix = tonumber(ARGV[2]), ARGV[5]
            local index, first, last = 'index', '-', '+'
            if prefix ~= '' then
                -- '0' is the byte after '/'.
                index, first, last = 'filters', '[' .. prefix, '(' .. string.sub(prefix, 1, -2) .. '0'
            end
            local from = ARGV[3] == '' and first or '(' .. prefix .. ARGV[3]
            local entries = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
            local live, missing, streams, total = {}, {}, {}, 0
            for i = 1, #entries, 2 do
                local name = redis.call('HGET', KEYS[2], entries[i]) or entries[i]
                if tonumber(entries[i + 1]) > now then live[#live + 1] = entries[i] end
                if ARGV[4] == '' or ARGV[4] == name then
                    local node = ARGV[1] .. '{' .. entries[i] .. '}:'
                    local count = tonumber(entries[i + 1]) > now and attempt('ZLEXCOUNT', node .. index, first, last)
                    if not count then
                        missing[#missing + 1] = name
                    else
                        if registering(node .. 'record') then missing[#missing + 1] = name end
                        total = total + count
                        streams[#streams + 1] = {
                            name = name, index = node .. index, details = node .. 'details',
                            from = from, ids = {}, next = 1, ended = count == 0
                        }
                    end
                end
            end

            local portion = math.ceil(limit / math.max(#streams, 1)) + 16
            local function head(stream)
                if stream.next > #stream.ids and not stream.ended then
                    local members = redis.call('ZRANGEBYLEX', stream.index, stream.from, last, 'LIMIT', 0, portion)
                    stream.ended = #members < portion
                    stream.from = '(' .. (members[#members] or '')
                    for i, member in ipairs(members) do members[i] = string.sub(member, #prefix + 1) end
                    stream.ids, stream.next = members, 1
                end
                return stream.ids[stream.next]
            end

            local page, more = {}, 0
            while true do
                local best, id
                for _, stream in ipairs(streams) do
                    local candidate = head(stream)
                    if candidate and (not id or candidate < id) then best, id = stream, candidate end
                end
                if not best then break end
                if #page == limit then
                    more = 1
                    break
                end
                best.next = best.next + 1
                page[#page + 1] = {id, best.name, attempt('HGET', best.details, id)}
            end
            return {page, total, more, missing, live}
            """
    )
}
