extension RedisScript {
    /// Gives a message the next number of its hub's order, appends it to its topic's log and publishes it with this position, once.
    ///
    /// A topic that no node uses has no log. It has no subscriber and no head, because nodes create heads for the topics that
    /// they use, see ``RedisScript/refreshHeads``. Publishing to such a topic writes nothing but the number; to one of a node that is
    /// not there, nothing. While the name of the
    /// hub's data is new, every topic of the hub has a log; also while it is missing, for the default hub, whose name never expires.
    ///
    /// Logs of a hub's topics without a subscriber have a common limit. The bytes logged for them are summed over the lifetime of an
    /// entry; then the sum starts at zero again, so they hold at most twice the limit. Bytes that a topic logged while it had a
    /// subscriber are counted with its next publication without one, or when a publication to another topic finds it without
    /// one, see ``settling``. If they exceed the limit, the log is deleted and its epoch ends.
    ///
    /// If Redis is out of memory, the oldest entries are removed. If that does not suffice, the topic's epoch ends, so that nodes
    /// that were disconnected report a loss, and the message is published without an entry. Any other error changes nothing.
    ///
    /// KEYS: 1 the hub's head, 2 the topic's log, 3 its head. A node's own topic has a head like a hub's.
    ///
    /// ARGV: 1 to 7 of ``order``, 8 to 13 of ``topicLog``, 14 the channel, 15 the envelope.
    ///
    /// Returns the number of subscribers, the epoch and the number of the message; number 0 if it has none or had been executed
    /// before. For a
    /// caller that has not been told it, then the history. The error `IDLEFULL` means that the common limit is reached and nothing
    /// has been published.
    static let publish = RedisScript(
        name: "publish",
        source: Self.clock + Self.logEntries + Self.plainOrder + Self.lostEpoch + Self.trimming + Self.topicLog + """
            if ARGV[13] == 'node' and redis.call('EXISTS', unpack(KEYS)) == 0 and isIdle(ARGV[14]) then
                return {redis.call('SPUBLISH', ARGV[14], ARGV[15]), 0, 0}
            end
            local refused = enter()
            if refused then return refused end
            local told = run ~= ARGV[1] and run or nil
            if once() then return {redis.pcall('PUBSUB', 'SHARDNUMSUB', ARGV[14])[2] or 0, epoch, 0, told} end
            local receivers, _, id = append(KEYS[2], KEYS[3], ARGV[14], ARGV[15])
            if refusal(receivers) then return receivers end
            save(id)
            return {receivers, epoch, number, told}
            """
    )
}
