import VolaryProtocol

/// What a store knows of a lease that it has taken for a node: its number, and the hubs in which the node has entries. Pure.
struct HeldLease {
    /// The shortest time after which keys expire without a renewal of the lease: 10 min.
    private static let minimumBackstop: Int64 = 10 * 60 * 1000
    /// Hubs that a renewal checks: at least 16, and so many that 100 renewals check all. Keys expire after 100 renewals at the
    /// earliest, because a lease is renewed five times in its length.
    private static let minimumChecks = 16
    private static let roundRenewals = 100

    struct Hub {
        /// The result of ``RedisScript/contents``; nil when it is not known whether a write took effect.
        var contents: String?
        var connections = 0
    }

    let number: Int64
    var milliseconds: Int64
    private(set) var hubs: [HubName: Hub] = [:]
    /// Hubs that this round has not checked yet.
    private var unchecked: ArraySlice<HubName> = []

    init(number: Int64, milliseconds: Int64) {
        self.number = number
        self.milliseconds = milliseconds
    }

    /// After how many ms keys expire by themselves: 20 leases.
    static func backstop(milliseconds: Int64) -> Int64 {
        max(milliseconds.multipliedReportingOverflow(by: 20).partialValue, self.minimumBackstop)
    }

    var backstop: Int64 { Self.backstop(milliseconds: self.milliseconds) }

    /// In all hubs.
    var connections: Int { self.hubs.values.reduce(0) { $0 + $1.connections } }

    /// Call before a write to the hub. Until ``wrote(_:to:)`` its contents are unknown.
    mutating func writes(to hub: HubName) { self.hubs[hub, default: Hub()].contents = nil }

    /// - Parameter contents: as ``RedisScript/update`` returns them. They begin with the number of connections.
    mutating func wrote(_ contents: String, to hub: HubName) {
        self.hubs[hub] = Hub(contents: contents, connections: Int32(contents.prefix { $0 != "/" }).map(Int.init) ?? 0)
    }

    /// The node has no entries in the hub.
    mutating func left(_ hub: HubName) { self.hubs[hub] = nil }

    /// - Returns: the hubs that the next renewal checks.
    mutating func nextChecks() -> [HubName] {
        if self.unchecked.isEmpty { self.unchecked = Array(self.hubs.keys)[...] }
        let count = max(Self.minimumChecks, (self.hubs.count + Self.roundRenewals - 1) / Self.roundRenewals)
        let next = self.unchecked.prefix(count)
        self.unchecked.removeFirst(next.count)
        return next.filter { self.hubs[$0] != nil }
    }
}
