import VolaryProtocol

/// The last known names of the hubs' data in Redis, see ``RedisScript/identify``, and which to ask for next. Pure.
struct StoreNames {
    /// Hubs whose names are checked again in one second, beside the default hub: 100.
    static let checksPerSecond = 100
    /// Hubs whose names become known in one second: 1,000.
    static let newPerSecond = 1000

    private var names: [HubName: String] = [:]
    /// Hubs that this round has not checked yet.
    private var rest: ArraySlice<HubName> = []

    /// Call once per second, and when a link is up.
    /// - Parameter hubs: those of which topics are followed. All others but the default hub are forgotten.
    /// - Returns: the hubs to ask for. The default hub, on which nodes' own topics depend, is the first.
    mutating func next(of hubs: some Collection<HubName>) -> [HubName] {
        if self.rest.isEmpty {
            let followed = Set(hubs)
            self.names = self.names.filter { $0.key.isDefault || followed.contains($0.key) }
            self.rest = followed.filter { !$0.isDefault && self.names[$0] != nil }[...]
        }
        let unknown = hubs.filter { !$0.isDefault && self.names[$0] == nil }.prefix(Self.newPerSecond)
        let checked = self.rest.prefix(Self.checksPerSecond)
        self.rest.removeFirst(checked.count)
        return [.default] + unknown + checked
    }

    enum Finding: Hashable {
        case same
        /// There is no name, and none could be set.
        case missing
        case changed
    }

    /// Stores the hub's name.
    /// - Parameter name: empty for none.
    mutating func found(_ name: String, of hub: HubName) -> Finding {
        guard let known = self.names.updateValue(name, forKey: hub) else { return .same }
        return name != known ? .changed : name.isEmpty ? .missing : .same
    }
}
