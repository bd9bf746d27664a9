import NIOCore

/// What is remembered of one message or connection.
protocol TraceEntry: Sendable {
    /// Milliseconds since 1970, UTC.
    var time: Int64 { get }
    /// The bytes of its texts and lists.
    var variableBytes: Int { get }
}

/// The newest entries, with consecutive numbers. The oldest are dropped when all together exceed a number of bytes. Pure.
struct TraceRing<Entry: TraceEntry> {
    /// Each entry counts this besides its texts and lists, which is more than it takes: 256. So their number is bounded, too.
    static var entryBytes: Int { 256 }

    private let maximumBytes: Int
    private var entries = CircularBuffer<Entry>()
    private var bytes = 0
    /// Number of the oldest entry.
    private var first = 0

    init(maximumBytes: Int) {
        self.maximumBytes = maximumBytes
    }

    var count: Int { self.entries.count }

    /// The time of the oldest entry.
    var oldest: Int64? { self.entries.first?.time }

    /// - Returns: the number of the entry.
    @discardableResult
    mutating func append(_ entry: Entry) -> Int {
        self.entries.append(entry)
        self.bytes += Self.entryBytes + entry.variableBytes
        self.dropOldest()
        return self.first + self.entries.count - 1
    }

    /// Does nothing for an entry that has been dropped.
    mutating func change(_ number: Int, _ change: (inout Entry) -> Void) {
        guard number >= self.first, number - self.first < self.entries.count else { return }
        let index = self.entries.index(self.entries.startIndex, offsetBy: number - self.first)
        let before = self.entries[index].variableBytes
        change(&self.entries[index])
        self.bytes += self.entries[index].variableBytes - before
        self.dropOldest()
    }

    /// The newest entries that match, in their order.
    func newest(_ count: Int, where matches: (Entry) -> Bool) -> [Entry] {
        var found: [Entry] = []
        for entry in self.entries.reversed() where matches(entry) {
            found.append(entry)
            if found.count == count { break }
        }
        return found.reversed()
    }

    private mutating func dropOldest() {
        while self.bytes > self.maximumBytes, let oldest = self.entries.popFirst() {
            self.bytes -= Self.entryBytes + oldest.variableBytes
            self.first += 1
        }
    }
}
