extension RedisScript {
    /// Extends the lifetime of the heads of topics that a node uses, so that messages published while it is disconnected are
    /// logged. If there is no head, creates one without an epoch, which only marks the topic as used.
    ///
    /// KEYS: the heads. ARGV: 1 lifetime in ms.
    /// Returns 1.
    static let refreshHeads = RedisScript(
        name: "refresh-heads",
        source: Self.refreshHead + """
            for _, head in ipairs(KEYS) do want(head, ARGV[1]) end
            return 1
            """
    )

    /// - `want(head, milliseconds, hub)`: `hub` is the head of the topic's hub, if it is a key of the script. Needs ``logEntries`` then.
    ///
    /// Never fails. If it cannot write, the topic is logged from the first message that is published while it has a subscriber.
    static let refreshHead = """
        local function want(head, milliseconds, hub)
            if redis.pcall('PEXPIRE', head, milliseconds) == 0 then
                redis.pcall('HSET', head, 'wanted', 1)
                -- From now on all messages of the topic are logged.
                if hub then redis.pcall('HSET', head, 'start', whole(redis.pcall('HGET', hub, 'number')) or 0) end
                redis.pcall('PEXPIRE', head, milliseconds)
            end
        end

        """
}
