import Protocol

/// Knows, per origin, the highest sequence that has passed; what is not above it has passed already.
struct DuplicateFilter {
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
            self.origins[origin] = Seen(sequence: max(seen.sequence, sequence), lastUse: self.uses)
            return sequence > seen.sequence
        }
        if self.origins.count >= self.capacity, let stalest = self.origins.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            self.origins[stalest.key] = nil
        }
        self.origins[origin] = Seen(sequence: sequence, lastUse: self.uses)
        return true
    }
}
