import VolaryProtocol

/// Sorted ids of connections, stored in runs of limited length. With 50,000 ids, an insertion or removal moves a few hundred of
/// them instead of all that follow.
struct SortedIDs: Sendable {
    /// A run of more ids is split in two: 512 ids, which take 8 KiB.
    private static let maximumRun = 512

    /// No run is empty. Ids ascend within a run and from run to run.
    private var runs: [[ConnectionID]] = []
    private(set) var count = 0

    var isEmpty: Bool { self.count == 0 }

    /// Does nothing when the id is present.
    mutating func insert(_ id: ConnectionID) {
        guard !self.runs.isEmpty else {
            self.runs = [[id]]
            self.count = 1
            return
        }
        let run = self.run(for: id)
        let (position, found) = Self.search(self.runs[run], for: id)
        guard !found else { return }
        self.runs[run].insert(id, at: position)
        self.count += 1
        guard self.runs[run].count > Self.maximumRun else { return }
        let upper = Array(self.runs[run][(Self.maximumRun / 2)...])
        self.runs[run].removeSubrange((Self.maximumRun / 2)...)
        self.runs.insert(upper, at: run + 1)
    }

    /// Does nothing when the id is not present.
    mutating func remove(_ id: ConnectionID) {
        guard !self.runs.isEmpty else { return }
        let run = self.run(for: id)
        let (position, found) = Self.search(self.runs[run], for: id)
        guard found else { return }
        self.runs[run].remove(at: position)
        self.count -= 1
        if self.runs[run].isEmpty { self.runs.remove(at: run) }
    }

    /// The first `limit` ids above `after`, or the lowest ids when it is nil.
    func prefix(_ limit: Int, after: ConnectionID?) -> [ConnectionID] {
        guard !self.runs.isEmpty else { return [] }
        var run = 0
        var position = 0
        if let after {
            run = self.run(for: after)
            let (place, found) = Self.search(self.runs[run], for: after)
            position = found ? place + 1 : place
        }
        var ids: [ConnectionID] = []
        while run < self.runs.count, ids.count < limit {
            ids += self.runs[run][position...].prefix(limit - ids.count)
            run += 1
            position = 0
        }
        return ids
    }

    /// The run that contains `id` or would contain it: the last run that does not begin above it, or the first run.
    private func run(for id: ConnectionID) -> Int {
        let above = Self.firstIndex(in: 0..<self.runs.count) { self.runs[$0][0] > id }
        return max(0, above - 1)
    }

    private static func search(_ run: [ConnectionID], for id: ConnectionID) -> (position: Int, found: Bool) {
        let position = self.firstIndex(in: run.indices) { run[$0] >= id }
        return (position, position < run.count && run[position] == id)
    }

    /// Binary search: the first index for which `isTrue` holds, if it holds for all that follow; the end of the range if there is
    /// none.
    private static func firstIndex(in range: Range<Int>, where isTrue: (Int) -> Bool) -> Int {
        var (low, high) = (range.lowerBound, range.upperBound)
        while low < high {
            let middle = (low + high) / 2
            if isTrue(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
