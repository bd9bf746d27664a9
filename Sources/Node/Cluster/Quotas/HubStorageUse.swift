import VolaryProtocol

/// Which hubs are to be measured, and which are above the quota of bytes in Redis. Pure.
struct HubStorageUse {
    /// Hubs that are remembered until they are measured. Those beyond it are measured when they are used again.
    static let maximumHubs = 10_000

    private let limit: Int
    private var used: Set<HubName> = []
    private var full: Set<HubName> = []

    /// - Parameter limit: bytes of each hub.
    init(limit: Int) {
        self.limit = limit
    }

    /// The hub is about to keep something.
    /// - Returns: false if it is above the quota.
    mutating func permits(_ hub: HubName) -> Bool {
        if self.used.count < Self.maximumHubs { self.used.insert(hub) }
        return !self.full.contains(hub)
    }

    /// The hubs that were used since the last call, and those above the quota.
    mutating func takeDue() -> Set<HubName> {
        defer { self.used = [] }
        return self.used.union(self.full)
    }

    mutating func measured(_ hub: HubName, bytes: Int) {
        if bytes > self.limit { self.full.insert(hub) } else { self.full.remove(hub) }
    }
}
