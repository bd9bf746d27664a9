import DequeModule
import NIOCore
import VolaryProtocol

/// The last publications of one hub.
struct MemoryHubHistory {
    private struct Item {
        let position: Position
        let publication: Publication
        let time: Int64

        /// Bytes of memory, about.
        var bytes: Int { 384 + self.publication.payload.readableBytes }
    }

    /// All publications of the hub above this position are kept.
    private var start: Position
    private var items: Deque<Item> = []
    private(set) var bytes = 0
    /// When the last publication was appended, in milliseconds since 1970.
    private(set) var touched: Int64 = 0

    init(start: Position) {
        self.start = start
    }

    /// The position of the last publication.
    var last: Position { self.items.last?.position ?? self.start }

    mutating func append(_ publication: Publication, at position: Position, now: Int64) {
        let item = Item(position: position, publication: publication.withoutUnusedBytes, time: now)
        self.items.append(item)
        self.bytes += item.bytes
        self.touched = now
    }

    /// Removes the oldest publications beyond the limits. The last one stays, however large, unless it is too old.
    mutating func trim(messages: Int, bytes: Int, since time: Int64) {
        while let first = self.items.first,
            first.time < time || self.items.count > max(messages, 1) || self.items.count > 1 && self.bytes > bytes
        {
            self.items.removeFirst()
            self.bytes -= first.bytes
            self.start = first.position
        }
    }

    /// - Parameter end: the position of the hub.
    func read(_ topics: Set<Topic>, after: Position?, limit: Int, end: Position) -> HistoryPage {
        let hasGap = after.map { $0 < self.start || $0 > end } ?? false
        var entries: [HistoryPage.Entry] = []
        var room = HistoryPage.maximumBytes
        // A later epoch is of another history; of the same epoch, nothing is above the end.
        let from = after.map { $0.epoch > end.epoch ? self.start : min($0, end) } ?? self.start
        for item in self.items[self.index(after: from)...] where limit > 0 && topics.contains(item.publication.topic) {
            guard entries.count < limit, room > 0 else {
                return HistoryPage(entries: entries, through: entries.last?.position ?? from, isLast: false, hasGap: hasGap)
            }
            entries.append(HistoryPage.Entry(position: item.position, publication: item.publication))
            room -= item.bytes
        }
        return HistoryPage(entries: entries, through: end, isLast: true, hasGap: hasGap)
    }

    private func index(after position: Position) -> Int {
        var range = 0..<self.items.count
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            range = self.items[middle].position > position ? range.lowerBound..<middle : middle + 1..<range.upperBound
        }
        return range.lowerBound
    }
}

extension Publication {
    /// The same publication, whose payload keeps no larger buffer from being freed: a client's message is a part of what was read
    /// together with it.
    fileprivate var withoutUnusedBytes: Publication {
        guard self.payload.storageCapacity > 2 * self.payload.readableBytes + 256 else { return self }
        return Publication(
            id: self.id,
            kind: self.kind,
            sender: self.sender,
            hub: self.hub,
            audience: self.audience,
            dataType: self.dataType,
            timestamp: self.timestamp,
            confirmation: self.confirmation,
            details: self.details,
            payload: ByteBuffer(bytes: self.payload.readableBytesView)
        )
    }
}
