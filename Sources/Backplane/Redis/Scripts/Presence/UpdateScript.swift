extension RedisScript {
    /// Adds, then removes connections of a node in one hub: at least one change, and as many as the budget permits, in the given
    /// order. The first update under a lease deletes what the node had there under another one.
    ///
    /// The filter entries of a connection follow from its details. The previous details are read, and their entries removed. If
    /// another program has overwritten the details, entries may remain; readers ignore entries that do not match a record.
    ///
    /// KEYS: the node's 1 state, 2 index, 3 details, 4 filters in the hub.
    /// ARGV: 1 the number of its lease, 2 the contents, or nothing if they are unknown, 3 lifetime of the keys in ms, 4 the budget
    /// in filter entries, 5 the number of additions, then the id and the details of each, then the ids to remove.
    ///
    /// Returns the number of changes, the contents after them, see ``RedisScript/contents``, and the keys that had another type
    /// and have been deleted; -1, without writing, if the lease was reaped or is not the last, or if the contents differ because a
    /// key has been deleted or replaced.
    static let update = RedisScript(
        name: "update",
        source: Self.attempt + Self.contents + Self.foreign + Self.filterPrefixes + """
            local state, backstop, foreign = attempt('HMGET', KEYS[1], 'number', 'dead') or {}, ARGV[3], {}
            local held = value(state[1])
            if held > tonumber(ARGV[1]) or state[2] and held == tonumber(ARGV[1]) then return -1 end
            if ARGV[2] ~= '' and (state[1] ~= ARGV[1] or ARGV[2] ~= contents()) then return -1 end
            if state[1] ~= ARGV[1] then
                for i, type in ipairs({'hash', 'zset', 'hash', 'zset'}) do
                    if isForeign(KEYS[i], type) then foreign[#foreign + 1] = KEYS[i] end
                end
                redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
                redis.call('HSET', KEYS[1], 'number', ARGV[1])
            end

            local budget, added = tonumber(ARGV[4]), tonumber(ARGV[5])
            local ids, wished = {}, {}
            for i = 1, added do ids[i], wished[i] = ARGV[4 + 2 * i], ARGV[5 + 2 * i] end
            for i = 6 + 2 * added, #ARGV do
                ids[#ids + 1] = ARGV[i]
                wished[#ids] = false
            end

            -- By id its details, false when it is to go; by entry of the filters whether it is to be there.
            local final, entries = {}, {}
            local stored = redis.call('HMGET', KEYS[3], unpack(ids))
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
            change(KEYS[4], entries)
            local gone, details = change(KEYS[2], final), {}
            for id, text in pairs(final) do
                if text then
                    details[#details + 1] = id
                    details[#details + 1] = text
                end
            end
            inPortions('HDEL', KEYS[3], gone)
            inPortions('HSET', KEYS[3], details)
            if #details > 0 then redis.call('PEXPIRE', KEYS[3], backstop) end
            redis.call('PEXPIRE', KEYS[1], backstop)
            return {made, contents(), foreign}
            """
    )

    /// Whether a node's entries in one hub are as the node left them; if so, extends the lifetime of the keys.
    ///
    /// KEYS: as of ``update``. ARGV: 1 the number of the lease, 2 the contents, or nothing if they are unknown, 3 lifetime of the
    /// keys in ms. Returns 1 or 0.
    static let checkEntries = RedisScript(
        name: "check entries",
        source: Self.attempt + Self.contents + """
            if ARGV[2] ~= '' and (attempt('HGET', KEYS[1], 'number') ~= ARGV[1] or contents() ~= ARGV[2]) then return 0 end
            for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[3]) end
            return 1
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
