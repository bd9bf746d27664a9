/// The ack ids of one connection whose actions were carried out, at most ``maximum``: an action with one of them is not carried
/// out again. The oldest is forgotten first.
///
/// Clients number their messages one by one, so the ids are stored as runs: one run for such a client, and at most one for each
/// id for any other.
struct AckWindow: Hashable {
    /// 1,000.
    static let maximum = 1000

    private struct Run: Hashable {
        var first: UInt64
        var count: UInt64

        func contains(_ id: UInt64) -> Bool { id >= self.first && id - self.first < self.count }
    }

    /// In the order of success.
    private var runs: [Run] = []
    private(set) var count = 0

    func contains(_ id: UInt64) -> Bool { self.runs.contains { $0.contains(id) } }

    /// - Parameter id: not contained.
    mutating func insert(_ id: UInt64) {
        if let last = self.runs.last, id > last.first, id - last.first == last.count {
            self.runs[self.runs.count - 1].count += 1
        } else {
            self.runs.append(Run(first: id, count: 1))
        }
        self.count += 1
        if self.count > Self.maximum { self.forgetOldest() }
    }

    private mutating func forgetOldest() {
        self.count -= 1
        if self.runs[0].count == 1 {
            self.runs.removeFirst()
        } else {
            self.runs[0].first += 1
            self.runs[0].count -= 1
        }
    }
}
