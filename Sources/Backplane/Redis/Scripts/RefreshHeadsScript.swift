extension RedisScript {
    /// Keeps the heads of topics that a node wants, so that what is published to them while it is away is logged: a head without an epoch, where
    /// there is none, is the wish alone.
    ///
    /// KEYS: the heads. ARGV: 1 ms that they live.
    /// Returns 1.
    static let refreshHeads = RedisScript(
        name: "refresh-heads",
        source: Self.wanting + """
            for _, head in ipairs(KEYS) do want(head, ARGV[1]) end
            return 1
            """
    )

    /// Never fails: without memory, or the right to write, a topic is logged once it has been published to while somebody listens.
    static let wanting = """
        local function want(head, milliseconds)
            if redis.pcall('PEXPIRE', head, milliseconds) == 0 then
                redis.pcall('HSET', head, 'wanted', 1)
                redis.pcall('PEXPIRE', head, milliseconds)
            end
        end

        """
}
