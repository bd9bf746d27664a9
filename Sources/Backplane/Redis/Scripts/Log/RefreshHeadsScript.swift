extension RedisScript {
    /// Extends the life of the heads of topics that a node wants, so that messages that are published while it is away are logged. Where there is no
    /// head, one without an epoch is made: it says only that the topic is wanted.
    ///
    /// KEYS: the heads. ARGV: 1 ms that they live.
    /// Returns 1.
    static let refreshHeads = RedisScript(
        name: "refresh-heads",
        source: Self.refreshHead + """
            for _, head in ipairs(KEYS) do want(head, ARGV[1]) end
            return 1
            """
    )

    /// Never fails: if it cannot write, the topic is logged from the first message on that is published while it has a subscriber.
    static let refreshHead = """
        local function want(head, milliseconds)
            if redis.pcall('PEXPIRE', head, milliseconds) == 0 then
                redis.pcall('HSET', head, 'wanted', 1)
                redis.pcall('PEXPIRE', head, milliseconds)
            end
        end

        """
}
