extension RedisScript {
    /// All registered nodes, so that the lists of their connections can be read one after the other.
    ///
    /// KEYS: 1 nodes, 2 names.
    /// Returns for each node its id, its name, and whether it holds a lease (1 or 0).
    static let leases = RedisScript(
        name: "leases",
        source: Self.clock + """
            local entries = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
            local nodes = {}
            for i = 1, #entries, 2 do
                local name = redis.call('HGET', KEYS[2], entries[i]) or entries[i]
                nodes[#nodes + 1] = {entries[i], name, tonumber(entries[i + 1]) > now and 1 or 0}
            end
            return nodes
            """
    )

    /// Reads a portion of the connections of some nodes, in the order of their ids for each node.
    ///
    /// Each node's index is read from the end of the previous portion, at the same cost for any position. The count of a filter
    /// is computed from the ranks of its first and last entry.
    ///
    /// KEYS: 1 nodes.
    /// ARGV: 1 `<prefix>:node:`, 2 maximum of ids per node, 3 the prefix of the filter's entries, including the last `/`, or
    /// nothing; then for each node its id, and the id after which to begin, or nothing.
    ///
    /// Returns for each node the number of matches, whether it is registering (1 or 0), and the ids; 1 for a node whose lease
    /// has expired or whose index has another type; 0 for a node that no longer exists.
    static let connectionIDs = RedisScript(
        name: "connection ids",
        source: Self.clock + Self.attempt + Self.registering + """
            local portion, prefix = tonumber(ARGV[2]), ARGV[3]
            local index, first, last = 'index', '-', '+'
            if prefix ~= '' then
                -- '0' is the byte after '/'.
                index, first, last = 'filters', '[' .. prefix, '(' .. string.sub(prefix, 1, -2) .. '0'
            end
            local nodes = {}
            for i = 4, #ARGV, 2 do
                local node = ARGV[1] .. '{' .. ARGV[i] .. '}:'
                local expiry = redis.call('ZSCORE', KEYS[1], ARGV[i])
                local count = expiry and tonumber(expiry) > now and attempt('ZLEXCOUNT', node .. index, first, last)
                if not count then
                    nodes[#nodes + 1] = expiry and 1 or 0
                else
                    local from = ARGV[i + 1] == '' and first or '(' .. prefix .. ARGV[i + 1]
                    local members = redis.call('ZRANGEBYLEX', node .. index, from, last, 'LIMIT', 0, portion)
                    for j, member in ipairs(members) do members[j] = string.sub(member, #prefix + 1) end
                    nodes[#nodes + 1] = {count, registering(node .. 'record') and 1 or 0, members}
                end
            end
            return nodes
            """
    )

    /// Reads the details of some connections.
    ///
    /// ARGV: 1 `<prefix>:node:`; then for each node its id, the number of its requested connections, and their ids.
    ///
    /// Returns the details or nil for each connection, in this order.
    static let details = RedisScript(
        name: "details",
        source: Self.attempt + """
            local found, i = {}, 2
            while i < #ARGV do
                local count = tonumber(ARGV[i + 1])
                local details = attempt('HMGET', ARGV[1] .. '{' .. ARGV[i] .. '}:details', unpack(ARGV, i + 2, i + 1 + count))
                for j = 1, count do found[#found + 1] = details and details[j] or false end
                i = i + 2 + count
            end
            return found
            """
    )
}
