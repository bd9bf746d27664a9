extension RedisScript {
    /// Reads a portion of the connections of some nodes in one hub, in the order of their ids for each node.
    ///
    /// Each node's index is read from the end of the previous portion, at the same cost for any position. The count of a filter
    /// is computed from the ranks of its first and last entry.
    ///
    /// KEYS: for each node its state and its index or filters. ARGV: 1 maximum of ids per node, 2 the prefix of the filter's
    /// entries, including the last `/`, or nothing; then for each node the number of its lease, and the id after which to begin, or
    /// nothing.
    ///
    /// Returns for each node the number of matches and the ids; 0 for a node without entries under this lease; 1 for a node
    /// of which a key has another type, or that has entries under a later lease.
    static let connectionIDs = RedisScript(
        name: "connection ids",
        source: Self.attempt + """
            local portion, prefix = tonumber(ARGV[1]), ARGV[2]
            local first, last = '-', '+'
            if prefix ~= '' then
                -- '0' is the byte after '/'.
                first, last = '[' .. prefix, '(' .. string.sub(prefix, 1, -2) .. '0'
            end
            local nodes = {}
            for i = 1, #KEYS, 2 do
                local number, after, key = ARGV[i + 2], ARGV[i + 3], KEYS[i + 1]
                local held = redis.pcall('HGET', KEYS[i], 'number')
                if held ~= number then
                    nodes[#nodes + 1] = (type(held) == 'table' or value(held) > tonumber(number)) and 1 or 0
                else
                    local count = attempt('ZLEXCOUNT', key, first, last)
                    if not count then
                        nodes[#nodes + 1] = 1
                    else
                        local from = after == '' and first or '(' .. prefix .. after
                        local members = redis.call('ZRANGEBYLEX', key, from, last, 'LIMIT', 0, portion)
                        for j, member in ipairs(members) do members[j] = string.sub(member, #prefix + 1) end
                        nodes[#nodes + 1] = {count, members}
                    end
                end
            end
            return nodes
            """
    )

    /// Reads the details of some connections of one hub.
    ///
    /// KEYS: for each node its details. ARGV: for each node the number of its requested connections, and their ids.
    ///
    /// Returns the details or nil for each connection, in this order.
    static let details = RedisScript(
        name: "details",
        source: Self.attempt + """
            local found, i = {}, 1
            for _, key in ipairs(KEYS) do
                local count = tonumber(ARGV[i])
                local details = attempt('HMGET', key, unpack(ARGV, i + 1, i + count))
                for j = 1, count do found[#found + 1] = details and details[j] or false end
                i = i + 1 + count
            end
            return found
            """
    )

    /// Reads one connection of a node in one hub.
    ///
    /// KEYS: 1 the node's state, 2 its details. ARGV: 1 the connection's id.
    /// Returns the number of the node's lease under which it has entries, and the details; `0` and nil for what there is not.
    static let connection = RedisScript(
        name: "connection",
        source: Self.attempt + """
            local number = attempt('HGET', KEYS[1], 'number')
            return {value(number) > 0 and number or '0', attempt('HGET', KEYS[2], ARGV[1])}
            """
    )
}
