import VolaryProtocol

/// Knows, per origin, the highest sequence that has passed; what is not above it has passed already.
///
/// Unless it is far below: an origin sends again no more than it holds back, and goes on counting meanwhile. Then the higher one was none of
/// the origin's, and it counts no longer; else one made-up message would silence a node for good.
struct DuplicateFilter {
    /// So far below the highest a message that is sent again cannot be: 4,194,304, a node's messages of minutes at the most that Redis carries.
    static let reach: UInt64 = 1 << 22

    private struct Seen {
        var sequence: UInt64
        var lastUse: UInt64
    }

    /// Origins remembered at most. Beyond, the one unheard for longest is forgotten: what it sends again would pass again.
    let capacity: Int
    private var origins: [NodeID: Seen] = [:]
    private var uses: UInt64 = 0

    /// - Parameter capacity: default 4,096, about 100 KB: forty times the nodes of a large cluster, for those that came and went.
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
