extension RedisScript {
    /// Adds, then removes connections of a node that holds its lease: as many as the budget allows, in the order given, at least one. The lease,
    /// whose length the record has, begins anew.
    ///
    /// What stands in the filters for a connection follows from its details: those that it had are read, and their entries removed. Where
    /// somebody else has overwritten them, entries may stay behind; readers leave out what a record does not bear out.
    ///
    /// KEYS: 1 nodes, 3 `<node>record`, 4 `<node>index`, 5 `<node>details`, 6 `<node>filters`.
    /// ARGV: 1 id, 2 the contents, or nothing where they are not known, 3 the budget: entries of filters, 4 how many to add, then for each its
    /// id and details, then the ids to remove.
    /// Returns how many changes it made, and the contents after them, see ``RedisScript/contents``; -1, and writes nothing, when there is no
    /// live lease, or the contents are others: something has deleted or replaced keys.
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

    /// What the entries of a connection in the filters begin with, given its details, in which names stand as their keys; see
    /// ``RedisPresenceKeys/filterPrefix(_:)``. Details
    /// that no node has written have none.
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
