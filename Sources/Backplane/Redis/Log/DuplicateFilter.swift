import VolaryProtocol

/// Drops duplicates. It stores the highest sequence received from each origin; sequences up to it are duplicates.
///
/// A sequence that is lower by ``reach`` or more is not a duplicate, because an origin never repeats a message that old. In
/// that case the higher sequence was forged and is discarded. Otherwise one forged message would suppress a node's messages
/// permanently.
struct DuplicateFilter {
    /// Maximum distance of a repeated sequence below the highest one: less than 4,194,304. This is the number of messages that
    /// Redis relays in minutes.
    static let reach: UInt64 = 1 << 22

    private struct Seen {
        var sequence: UInt64
        var lastUse: UInt64
    }

    /// Maximum number of origins. Above it the least recently used one is removed, so that its duplicates would pass.
    let capacity: Int
    private var origins: [NodeID: Seen] = [:]
    private var uses: UInt64 = 0

    /// - Parameter capacity: default 4,096, about 100 KB: forty times the nodes of a large cluster, because restarted nodes are
    ///   new origins.
    init(capacity: Int = 4096) {
        self.capacity = max(capacity, 1)
    }

    var count: Int { self.origins.count }

    /// - Returns: whether the sequence is new. A new sequence is stored.
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
