import Protocol

/// The names in Redis that belong to one topic. The braces keep them in one slot of a Redis Cluster.
struct LogKeys: Hashable, Sendable {
    /// `<prefix>:{<topic>}`, the pub/sub channel.
    let channel: String

    init(_ topic: Topic, prefix: String) {
        self.channel = "\(prefix):{\(topic.name)}"
    }

    /// - Returns: the topic of a channel of that prefix; nil for any other name.
    static func topic(of channel: String, prefix: String) -> Topic? {
        let start = "\(prefix):{"
        guard channel.hasPrefix(start), channel.hasSuffix("}") else { return nil }
        return Topic(name: channel.dropFirst(start.count).dropLast())
    }

    /// A stream, see ``RedisScript/publish``.
    var log: String { "\(self.channel):log" }
    /// A hash, see ``RedisScript/publish``.
    var head: String { "\(self.channel):head" }
    /// As scripts take them.
    var all: [String] { [self.log, self.head] }

    /// A string, see ``RedisScript/identify``.
    static func store(prefix: String) -> String { "\(prefix):store" }
}
