import VolaryProtocol

/// The names in Redis that belong to one topic. The braces keep them in one slot of a Redis Cluster.
struct LogKeys: Hashable, Sendable {
    /// `<prefix>:{<topic>}`, the pub/sub channel. The topic is `all`, `node:<8 hex digits>`, `group:<key>` or `user:<key>`; see ``NameKey``.
    let channel: String

    init(_ topic: Topic, prefix: String) {
        let text =
            switch topic {
            case .all: "all"
            case .node(let id): "node:\(id)"
            case .group(let name): "group:\(NameKey(name))"
            case .user(let name): "user:\(NameKey(name))"
            }
        self.channel = "\(prefix):{\(text)}"
    }

    /// A stream, see ``RedisScript/publish``.
    var log: String { "\(self.channel):log" }
    /// A hash, see ``RedisScript/publish``.
    var head: String { "\(self.channel):head" }
    /// As scripts take them.
    var all: [String] { [self.log, self.head] }

    /// A string, see ``RedisScript/identify``.
    static func store(prefix: String) -> String { "\(prefix):store" }
    /// The same, a string that is there while the name is new, see ``RedisScript/identify``; what counts of topics without a subscriber, in bytes,
    /// and a sorted set of the channels that had one, see ``RedisScript/publish``.
    static func storeKeys(prefix: String) -> [String] {
        [self.store(prefix: prefix), "\(prefix):store:new", "\(prefix):store:idle", "\(prefix):store:used"]
    }
}
