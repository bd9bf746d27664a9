extension RedisScript {
    /// Adds, then removes connections of a node that holds its lease: at least one change, and as many as the budget permits,
    /// in the given order. Renews the lease, whose length is in the record.
    ///
    /// The filter entries of a connection follow from its details. The previous details are read, and their entries removed. If
    /// another program has overwritten the details, entries may remain; readers ignore entries that do not match a record.
    ///
    /// KEYS: 1 nodes, 3 `<node>record`, 4 `<node>index`, 5 `<node>details`, 6 `<node>filters`.
    /// ARGV: 1 id, 2 the contents, or nothing if they are unknown, 3 the budget in filter entries, 4 the number of additions,
    /// then the id and the details of each, then the ids to remove.
    ///
    /// Returns the number of changes and the contents after them, see ``RedisScript/contents``; -1, without writing, if there
    /// is no live lease, or if the contents differ because a key has been deleted or replaced.
    static let update = RedisScript(
        name: "update",
        source: Self.clock + Self.attempt + Self.contents + Self.filterPrefixes + """
            local expiry = attempt('ZSCORE', KEYS[1], ARGV[1])
            local backstop = redis.call('PTTL', KEYS[3])
            if not expiry or tonumber(expiry) <= now or backstop < 0 then return -1 end
            if ARGV[2] ~= '' and ARGV[2] ~= contents() then return -1 end

            local budget, added = tonumber(ARGV[3]), tonumber(ARGV[4])
            local ids, wished = {}, {}
            for i = 1, added do ids[i], wished[i] = ARGV[3 + 2 * i], ARGV[4 + 2 * i] end
            for i = 5 + 2 * added, #ARGV do
                ids[#ids + 1] = ARGV[i]
                wished[#ids] = false
            end
            if #ids == 0 then return {0, contents()} end

            -- By id its details, false when it is to go; by entry of the filters whether it is to be there.
            local final, entries = {}, {}
            local stored = redis.call('HMGET', KEYS[5], unpack(ids))
            local made, spent = 0, 0
            for i, id in ipairs(ids) do
                local before = final[id]
                if before == nil then before = stored[i] end
                if before ~= wished[i] then
                    -- Four times what a node writes at most is no node's, and not worth the time.
                    if before and #before > 262144 then before = false end
                    local leaves, enters = prefixes(before), prefixes(wished[i])
                    spent = spent + #leaves + #enters
                    if spent > budget and made > 0 then break end
                    for _, prefix in ipairs(leaves) do entries[prefix .. id] = false end
                    for _, prefix in ipairs(enters) do entries[prefix .. id] = true end
                end
                final[id] = wished[i]
                made = i
            end

            -- Lua's stack ends at 8,000 arguments.
            local function inPortions(command, key, list)
                for i = 1, #list, 2000 do redis.call(command, key, unpack(list, i, math.min(i + 1999, #list))) end
            end
            local function change(key, isThere)
                local members, gone = {}, {}
                for member, there in pairs(isThere) do
                    if there then
                        members[#members + 1] = 0
                        members[#members + 1] = member
                    else
                        gone[#gone + 1] = member
                    end
                end
                inPortions('ZREM', key, gone)
                inPortions('ZADD', key, members)
                if #members > 0 then redis.call('PEXPIRE', key, backstop) end
                return gone
            end
            change(KEYS[6], entries)
            local gone, details = change(KEYS[4], final), {}
            for id, text in pairs(final) do
                if text then
                    details[#details + 1] = id
                    details[#details + 1] = text
                end
            end
            inPortions('HDEL', KEYS[5], gone)
            inPortions('HSET', KEYS[5], details)
            if #details > 0 then redis.call('PEXPIRE', KEYS[5], backstop) end

            local _, record = pcall(cjson.decode, redis.pcall('GET', KEYS[3]))
            local lease = type(record) == 'table' and tonumber(record.leaseMilliseconds) or 0
            redis.call('ZADD', KEYS[1], math.max(tonumber(expiry), now + lease), ARGV[1])
            return {made, contents()}
            """
    )

    /// The prefixes of a connection's filter entries, given its details, which contain names as keys; see
    /// ``RedisPresenceKeys/filterPrefix(_:)``. Details that were not written by a node have none.
    private static let filterPrefixes = """
        local function prefixes(details)
            local found = {}
            if not details then return found end
            local _, record = pcall(cjson.decode, details)
            if type(record) ~= 'table' then return found end
            local user = type(record.user) == 'string' and record.user
            if user then found[1] = 'u/' .. user .. '/' end
            for _, group in ipairs(type(record.groups) == 'table' and record.groups or {}) do
                if type(group) == 'string' then
                    found[#found + 1] = 'g/' .. group .. '/'
                    if user then found[#found + 1] = 'b/' .. user .. '/' .. group .. '/' end
                end
            end
            return found
        end

        """
}
