import VolaryProtocol

/// The names of a hub's keys and channels for sessions. ``RedisScript/sessionParts`` lists the keys; scripts derive them from the name
/// of the head.
struct SessionKeys: Hashable, Sendable {
    private let hub: HubName
    private let names: RedisNames

    init(_ hub: HubName, _ names: RedisNames) {
        self.hub = hub
        self.names = names
    }

    var head: String { "\(self.names.hub(self.hub)):head" }

    /// On which a node hears of its sessions.
    func channel(of node: NodeID) -> String { "\(self.names.hub(self.hub)):n:\(node):t" }

    /// - Returns: nil for a session's own topic, which has no channel.
    func channel(of topic: Audience) -> String? { Self.name(of: topic).map { "\(self.names.hub(self.hub)):t:\($0)" } }

    /// The name of a topic in keys and channels; nil for a session's own.
    static func name(of topic: Audience) -> String? {
        switch topic {
        case .all: "all"
        case .group(let name): "group:\(NameKey(name))"
        case .user(let name): "user:\(NameKey(name))"
        case .connection: nil
        }
    }
}
