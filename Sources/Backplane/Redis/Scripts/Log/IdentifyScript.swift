extension RedisScript {
    /// Gives the data of a hub in Redis a name. After a restart with its data Redis still has the name; after a restart without
    /// data it gets another. Also tells the epoch of the hub's order, and of which epoch something is lost.
    ///
    /// The key has no expiry, or a long one that nodes extend while they use the hub, so its absence means that the data has been
    /// removed. A name counts as new for a minute, in which every message is logged, because nodes may not have refreshed the
    /// heads of their topics in the new data yet. A key that holds something else than the name that a node writes is replaced,
    /// and a mark that lasts longer than a minute is shortened.
    ///
    /// KEYS: 1 the hub's head, 2 the name, 3 the mark that it is new.
    ///
    /// ARGV: 1 to 7 of ``order``, 8 the name to set if there is none, at most 20 digits, 9 lifetime of the name in ms, for a hub that is
    /// not the default one.
    ///
    /// Returns the name, empty when there was none and it could not be set; the epoch and the number of the hub, 0 when it has no
    /// order; the last epoch of which a node has observed more than has survived, 0 for none; and the history of Redis if the link has
    /// not been told it, or an empty text.
    static let identify = RedisScript(
        name: "identify",
        source: Self.clock + Self.logEntries + Self.plainOrder + """
            local function named()
                local name = redis.pcall('GET', KEYS[2])
                if type(name) == 'string' and #name <= 20 and string.find(name, '^%d+$') then
                    local left = redis.pcall('PTTL', KEYS[3])
                    if left == -1 or type(left) == 'number' and left > 60000 then redis.pcall('PEXPIRE', KEYS[3], 60000) end
                    if ARGV[9] then redis.pcall('PEXPIRE', KEYS[2], ARGV[9]) end
                    return name
                end
                redis.pcall('SET', KEYS[3], 1, 'EX', 60)
                local written = redis.pcall('SET', KEYS[2], ARGV[8])
                if ARGV[9] then redis.pcall('PEXPIRE', KEYS[2], ARGV[9]) end
                return written.ok and ARGV[8] or ''
            end
            local name = named()
            -- A hub gets an order with its first message.
            if ARGV[2] == '' and redis.call('EXISTS', hub) == 0 then return {name, 0, 0, 0, ''} end
            -- A Redis that takes no writes begins no epoch.
            local isDone, refused = pcall(enter)
            if not isDone or refused or not epoch then return {name, 0, 0, 0, ''} end
            return {name, epoch, number, whole(redis.call('HGET', hub, 'lost')) or 0, run ~= ARGV[1] and run or ''}
            """
    )
}
