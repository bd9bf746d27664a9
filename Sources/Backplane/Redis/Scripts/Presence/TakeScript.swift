extension RedisScript {
    /// Takes the id of a connection, unless it is taken.
    ///
    /// KEYS: 1 the id's own. ARGV: 1 names the call, which may be repeated; 2 milliseconds for which the id is taken. Returns 1, or 0 if
    /// another call has taken it.
    static let take = RedisScript(
        name: "take",
        source: Self.attempt + """
            if attempt('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
            return attempt('GET', KEYS[1]) == ARGV[1] and 1 or 0
            """
    )
}
