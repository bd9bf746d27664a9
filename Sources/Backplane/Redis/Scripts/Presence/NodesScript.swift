extension RedisScript {
    /// Lists all nodes, expired ones too.
    ///
    /// KEYS: 1 leases. ARGV: 1 the registry's prefix.
    /// Returns the time in ms, then for each node: id, record or nil, connections, expiry of its lease in ms.
    static let nodes = RedisScript(
        name: "nodes",
        source: Self.clock + Self.attempt + """
            local entries = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
            local nodes = {now}
            for i = 1, #entries, 2 do
                local fields = attempt('HMGET', ARGV[1] .. ':record:' .. entries[i], 'record', 'connections') or {false, false}
                nodes[#nodes + 1] = {entries[i], fields[1], value(fields[2]), tonumber(entries[i + 1])}
            end
            return nodes
            """
    )

    /// All registered nodes, so that the lists of their connections can be read one after the other.
    ///
    /// KEYS: 1 leases, 2 names. ARGV: 1 the registry's prefix.
    /// Returns for each node its id, its name, whether it holds a lease (1 or 0), whether it is registering (1 or 0), and the
    /// number of its lease.
    static let leases = RedisScript(
        name: "leases",
        source: Self.clock + Self.attempt + """
            local entries = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
            local nodes = {}
            for i = 1, #entries, 2 do
                local id = entries[i]
                local name = redis.call('HGET', KEYS[2], id) or id
                local fields = attempt('HMGET', ARGV[1] .. ':record:' .. id, 'number', 'registering') or {false, false}
                local isLive, isRegistering = tonumber(entries[i + 1]) > now and 1 or 0, fields[2] == '1' and 1 or 0
                nodes[#nodes + 1] = {id, name, isLive, isRegistering, value(fields[1]) > 0 and fields[1] or '0'}
            end
            return nodes
            """
    )

    /// The lease of one node.
    ///
    /// KEYS: 1 leases, 2 names, 3 the node's record. ARGV: 1 id.
    /// Returns as ``leases`` for one node, and the length of the lease in ms; nil if the node has no live lease.
    static let lease = RedisScript(
        name: "lease",
        source: Self.clock + Self.attempt + """
            local expiry = redis.call('ZSCORE', KEYS[1], ARGV[1])
            if not expiry or tonumber(expiry) <= now then return false end
            local fields = attempt('HMGET', KEYS[3], 'number', 'registering', 'lease') or {false, false, false}
            local registering = fields[2] == '1' and 1 or 0
            return {
                ARGV[1], redis.call('HGET', KEYS[2], ARGV[1]) or ARGV[1], 1, registering, value(fields[1]) > 0 and fields[1] or '0',
                value(fields[3])
            }
            """
    )

    /// How many nodes of the former format hold a lease.
    ///
    /// KEYS: 1 the leases of that format. Returns the number.
    static let formerNodes = RedisScript(
        name: "former nodes",
        source: Self.clock + Self.attempt + "return attempt('ZCOUNT', KEYS[1], '(' .. now, '+inf') or 0"
    )
}
