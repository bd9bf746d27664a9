extension RedisScript {
    /// Lists all nodes, expired ones too.
    ///
    /// KEYS: 1 nodes. ARGV: 1 `<prefix>:node:`.
    /// Returns the time in ms, then for each node: id, record or nil, connections, expiry of its lease in ms.
    static let nodes = RedisScript(
        name: "nodes",
        source: Self.clock + Self.attempt + """
            local entries = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
            local nodes = {now}
            for i = 1, #entries, 2 do
                local node = ARGV[1] .. '{' .. entries[i] .. '}:'
                nodes[#nodes + 1] = {
                    entries[i], attempt('GET', node .. 'record'),
                    attempt('ZCARD', node .. 'index') or 0, tonumber(entries[i + 1])
                }
            end
            return nodes
            """
    )
}
