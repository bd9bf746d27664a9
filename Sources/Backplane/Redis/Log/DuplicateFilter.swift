import VolaryProtocol

/// Drops duplicates: remembers, per origin, the highest sequence that has passed; sequences up to it are duplicates.
///
/// A sequence that is lower by ``reach`` or more is none: an origin never sends again a message that old. The higher sequence was forged then and
/// is forgotten; otherwise one forged message would suppress a node's messages for good.
struct DuplicateFilter {
    /// How far the sequence of a message that is sent again may be below the highest: less than 4,194,304, the messages of minutes at the rate that
    /// Redis carries.
    static let reach: UInt64 = 1 << 22

    private struct Seen {
        var sequence: UInt64
        var lastUse: UInt64
    }

    /// Origins remembered at most. Beyond, the least recently used is forgotten: duplicates of it would pass.
    let capacity: Int
    private var origins: [NodeID: Seen] = [:]
    private var uses: UInt64 = 0

    /// - Parameter capacity: default 4,096, about 100 KB: forty times the nodes of a large cluster, as restarted nodes are new origins.
    init(capacity: Int = 4096) {
        self.capacity = max(capacity, 1)
    }

    var count: Int { self.origins.count }

    /// - Returns: whether the sequence is new, and remembers it.
    mutating func admits(_ sequence: UInt64, from origin: NodeID) -> Bool {
        self.uses += 1
        if let seen = self.origins[origin] {
            let isNew = sequence > seen.sequence || seen.sequence - sequence >= Self.reach
            self.origins[origin] = Seen(sequence: isNew ? sequence : seen.sequence, lastUse: self.uses)
            return isNew
        }
        if self.origins.count >= self.capacity, let stalest = self.origins.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            self.origins[stalest.key] = nil
        }
        self.origins[origin] = Seen(sequence: sequence, lastUse: self.uses)
        return true
    }
}
