import DequeModule
import VolaryProtocol

/// The log of one topic. Entries leave it from the front only.
struct MemoryTopicLog {
    /// The number of the last entry, in the log or not; 0 before the first.
    private(set) var last: UInt64 = 0
    /// Every entry of the topic above this number is in the log.
    private(set) var start: UInt64
    private(set) var entries: Deque<LogEntry> = []
    /// Of the entries, and of the topic itself.
    private(set) var bytes = SessionLimits.topicOverheadBytes
    /// When the last entry was appended.
    private(set) var touched: Int64
    /// Until then a resumable member may need all entries of the log's age.
    var keepUntil: Int64 = 0

    init(start: UInt64, now: Int64) {
        self.start = start
        self.touched = now
    }

    mutating func append(_ entry: LogEntry) {
        self.last = entry.number
        self.touched = entry.time
        self.entries.append(entry)
        self.bytes += entry.bytes
    }

    /// Removes what is too old, and what is beyond the limits.
    /// - Parameter messages, bytes: of the limit; a topic that is kept has at least its own.
    mutating func trim(messages: Int, bytes: Int, age: Int64, now: Int64) {
        let isKept = self.keepUntil > now
        let messages = isKept ? max(messages, SessionLimits.keptMessages) : messages
        let bytes = isKept ? max(bytes, SessionLimits.keptBytes) : bytes
        while let first = self.entries.first,
            now - first.time > age || self.entries.count > max(messages, 1) || self.entries.count > 1 && self.bytes > bytes
        {
            self.removeFirst()
        }
    }

    /// Removes the entries up to a number that everybody has passed.
    mutating func remove(through number: UInt64) {
        while let first = self.entries.first, first.number <= number { self.removeFirst() }
    }

    /// The index of the first entry above `number`.
    func index(after number: UInt64) -> Int {
        var range = 0..<self.entries.count
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            range = self.entries[middle].number > number ? range.lowerBound..<middle : middle + 1..<range.upperBound
        }
        return range.lowerBound
    }

    private mutating func removeFirst() {
        let entry = self.entries.removeFirst()
        self.start = entry.number
        self.bytes -= entry.bytes
    }
}
