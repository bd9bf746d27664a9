extension RedisScript {
    /// Ends an epoch whose log has two histories, unless it has ended already. The log becomes part of the next epoch, and
    /// offsets continue. Nodes that followed the first epoch read the whole log, and report that messages may be missing.
    ///
    /// KEYS: 1 the log, 2 its head. ARGV: 1 the epoch to end, 2 the next epoch, 3 lifetime of the head in ms. Returns 1 if it
    /// ended the epoch, otherwise 0.
    static let endEpoch = RedisScript(
        name: "end epoch",
        source: Self.logEntries + """
            local epoch = redis.call('HGET', KEYS[2], 'epoch')
            if epoch ~= ARGV[1] then return 0 end
            local _, _, _, first = entry(KEYS[1], 0)
            local since = first and first > 0 and first - 1 or redis.call('HGET', KEYS[2], 'offset')
            local written = redis.pcall('HSET', KEYS[2], 'epoch', ARGV[2], 'since', since, 'beginning', 2)
            if type(written) == 'table' and written.err then
                if not string.find(written.err, 'OOM', 1, true) then return written end
                redis.call('DEL', KEYS[1], KEYS[2])
            else
                redis.call('PEXPIRE', KEYS[2], ARGV[3])
            end
            return 1
            """
    )
}
