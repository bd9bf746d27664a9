extension RedisScript {
    /// One page of the live nodes' connections, merged in the order of their ids.
    ///
    /// Each node's index is read from the cursor on, a portion at a time, so that about as much is read as the page holds, however
    /// deep the page and however many the connections.
    ///
    /// KEYS: 1 nodes, 2 names.
    /// ARGV: 1 `<prefix>:node:`, 2 limit, 3 the id to begin after or nothing, 4 the only node's name or nothing.
    /// Returns: 1 for each connection its id, node's name, and details or nil; 2 how many match; 3 whether more follow, 1 or 0; 4 the
    /// names of matching nodes whose lease has expired.
    static let connections = RedisScript(
        name: "connections",
        source: Self.clock + """
            local limit = tonumber(ARGV[2])
            local first = ARGV[3] == '' and '-' or '(' .. ARGV[3]
            local entries = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
            local missing, streams, total = {}, {}, 0
            for i = 1, #entries, 2 do
                local name = redis.call('HGET', KEYS[2], entries[i]) or entries[i]
                if ARGV[4] == '' or ARGV[4] == name then
                    if tonumber(entries[i + 1]) <= now then
                        missing[#missing + 1] = name
                    else
                        local node = ARGV[1] .. '{' .. entries[i] .. '}:'
                        total = total + redis.call('ZCARD', node .. 'index')
                        streams[#streams + 1] = {
                            name = name, index = node .. 'index', details = node .. 'details',
                            from = first, ids = {}, next = 1, ended = false
                        }
                    end
                end
            end

            local portion = math.ceil(limit / math.max(#streams, 1)) + 16
            local function head(stream)
                if stream.next > #stream.ids and not stream.ended then
                    stream.ids = redis.call('ZRANGEBYLEX', stream.index, stream.from, '+', 'LIMIT', 0, portion)
                    stream.next = 1
                    stream.ended = #stream.ids < portion
                    stream.from = '(' .. (stream.ids[#stream.ids] or '')
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
                page[#page + 1] = {id, best.name, redis.call('HGET', best.details, id)}
            end
            return {page, total, more, missing}
            """
    )
}
