import VolaryProtocol

/// Ids of connections that are taken, in memory: the counterpart of ``RedisScript/take``.
struct MemoryTakenIDs {
    private struct Key: Hashable {
        let hub: HubName
        let id: ConnectionID
    }

    /// Above this number, those whose time is over are removed: at most once for each as many that were taken.
    private static let kept = 1024

    private var ends: [Key: Duration] = [:]
    private var maximum = Self.kept

    /// - Returns: false when the id is taken.
    mutating func take(_ id: ConnectionID, in hub: HubName, until end: Duration, now: Duration) -> Bool {
        let key = Key(hub: hub, id: id)
        if let other = self.ends[key], other > now { return false }
        self.ends[key] = end
        if self.ends.count > self.maximum {
            self.ends = self.ends.filter { $0.value > now }
            self.maximum = max(Self.kept, 2 * self.ends.count)
        }
        return true
    }
}
