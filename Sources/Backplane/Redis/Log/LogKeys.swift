import VolaryProtocol

/// The keys and the channel of one topic in Redis.
struct LogKeys: Hashable, Sendable {
    /// The beginning of all names of the topic's hub, or of the node; see ``RedisNames``. A SSUBSCRIBE contains channels of one
    /// scope only.
    let scope: String
    private let topic: String

    init(_ topic: Topic, _ names: RedisNames) {
        (self.scope, self.topic) =
            switch topic {
            case .all(let hub): (names.hub(hub), "all")
            case .group(let hub, let name): (names.hub(hub), "group:\(NameKey(name))")
            case .user(let hub, let name): (names.hub(hub), "user:\(NameKey(name))")
            case .connection(let hub, let id): (names.hub(hub), "roaming:\(id)")
            case .node(let id): (names.node(id), "command")
            }
    }

    /// A sharded channel, `<scope>:t:<topic>`. The topic is `all`, `group:<key>` or `user:<key>`, see ``NameKey``;
    /// `roaming:<id>`; `command` for a node's own.
    var channel: String { "\(self.scope):t:\(self.topic)" }
    /// A stream, see ``RedisScript/topicLog``.
    var log: String { "\(self.scope):log:\(self.topic)" }
    /// A hash, see ``RedisScript/topicLog``.
    var head: String { "\(self.scope):top:\(self.topic)" }
    /// The log and its head, in the order in which scripts take them.
    var all: [String] { [self.log, self.head] }
    /// The head of the order of the topic's hub, or of the node, before these.
    var ordered: [String] { ["\(self.scope):head"] + self.all }
}

/// The keys of a hub's data as a whole.
struct HubStoreKeys: Hashable, Sendable {
    /// The head of the hub's order.
    private let head: String
    /// A string, see ``RedisScript/identify``.
    let name: String

    init(_ hub: HubName, _ names: RedisNames) {
        self.head = "\(names.hub(hub)):head"
        self.name = "\(names.hub(hub)):store"
    }

    /// A string that exists while the name is new, see ``RedisScript/identify``.
    var new: String { "\(self.name):new" }
    /// The bytes logged for topics without a subscriber, see ``RedisScript/publish``.
    var idle: String { "\(self.name):idle" }
    /// A sorted set of the channels that had a subscriber, see ``RedisScript/publish``.
    var used: String { "\(self.name):used" }
    /// In the order in which ``RedisScript/identify`` takes them.
    var identity: [String] { [self.head, self.name, self.new] }
}
