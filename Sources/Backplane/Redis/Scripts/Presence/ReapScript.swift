extension RedisScript {
    /// Deletes every node whose lease has expired. For nodes with connections, the number of these is kept for a while.
    ///
    /// KEYS: 1 nodes, 2 names. ARGV: 1 `<prefix>:node:`, 2 for how long, in seconds.
    /// Returns the time in ms, then for each deleted node: id, name or nil, record or nil, connections, expiry of its lease in ms.
    static let reap = RedisScript(
        name: "reap",
        source: Self.clock + Self.attempt + Self.deletion + """
            local entries = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES')
            local reaped = {now}
            for i = 1, #entries, 2 do
                local id = entries[i]
                local node = ARGV[1] .. '{' .. id .. '}:'
                local name, record = redis.call('HGET', KEYS[2], id), attempt('GET', node .. 'record')
                reaped[#reaped + 1] = {id, name, record, delete(node, id, ARGV[2]), tonumber(entries[i + 1])}
            end
            return reaped
            """
    )
}
