import VolaryProtocol

/// The keys and the channel of one topic in Redis. The braces keep them in one slot of a Redis Cluster.
struct LogKeys: Hashable, Sendable {
    /// `<prefix>:{<topic>}`, the pub/sub channel. The topic is `all`, `node:<8 hex digits>`, `group:<key>` or `user:<key>`; see ``NameKey``.
    let channel: String

    init(_ topic: Topic, prefix: String) {
        let text =
            switch topic {
            case .all: "all"
            case .node(let id): "node:\(id)"
            case .group(_, let name): "group:\(NameKey(name))"
            case .user(_, let name): "user:\(NameKey(name))"
            }
        self.channel = "\(prefix):{\(text)}"
    }

    /// A stream, see ``RedisScript/publish``.
    var log: String { "\(self.channel):log" }
    /// A hash, see ``RedisScript/publish``.
    var head: String { "\(self.channel):head" }
    /// In the order in which scripts take them.
    var all: [String] { [self.log, self.head] }

    /// A string, see ``RedisScript/identify``.
    static func store(prefix: String) -> String { "\(prefix):store" }
    /// The key above; a string that exists while that key is new, see ``RedisScript/identify``; the bytes logged for topics
    /// without a subscriber; and a sorted set of the channels that had a subscriber, see ``RedisScript/publish``.
    static func storeKeys(prefix: String) -> [String] {
        [self.store(prefix: prefix), "\(prefix):store:new", "\(prefix):store:idle", "\(prefix):store:used"]
    }
}
