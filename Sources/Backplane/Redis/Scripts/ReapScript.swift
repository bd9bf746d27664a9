extension RedisScript {
    /// Deletes every node whose lease has expired.
    ///
    /// KEYS: 1 nodes, 2 names. ARGV: 1 `<prefix>:node:`.
    /// Returns the time in ms, then for each deleted node: id, name or nil, record or nil, connections, expiry of its lease in ms.
    static let reap = RedisScript(
        name: "reap",
        source: Self.clock + Self.attempt + Self.deletion + """
            local entries = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES')
            local reaped = {now}
            for i = 1, #entries, 2 do
                local id = entries[i]
                local node = ARGV[1] .. '{' .. id .. '}:'
                reaped[#reaped + 1] = {
                    id, redis.call('HGET', KEYS[2], id), attempt('GET', node .. 'record'),
                    attempt('ZCARD', node .. 'index') or 0, tonumber(entries[i + 1])
                }
                delete(node, id)
            end
            return reaped
            """
    )
}
