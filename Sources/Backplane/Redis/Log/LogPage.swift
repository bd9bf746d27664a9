import NIOCore
import VolaryProtocol

/// A page of a topic's log: the answer of ``RedisScript/readLog``.
struct LogPage: Hashable, Sendable {
    /// Limits of one page. A page ends with the entry that reaches either limit.
    static let entries = 256
    static let bytes = 1024 * 1024

    struct Head: Hashable, Sendable {
        let epoch: UInt64
        /// The offset of the last logged message.
        let offset: UInt64
        /// The offset before the epoch's first message.
        let start: UInt64
        var beginning = Beginning.fresh
        /// The number of the last logged message in the hub's order.
        var number: UInt64 = 0
    }

    /// How an epoch began.
    enum Beginning: Int64, Hashable, Sendable {
        /// Redis had no log: there never was one, the topic was idle for long, or Redis has lost its data.
        case fresh = 0
        /// The previous epoch ended with a message that had no room in the log, or its head was deleted or replaced.
        case afterLoss = 1
        /// The previous epoch had two histories. This epoch continues its log and its offsets.
        case forked = 2
    }

    struct Entry: Hashable, Sendable {
        let offset: UInt64
        /// Its number in the hub's order.
        var number: UInt64 = 0
        /// Nil for an entry of a former epoch of the hub.
        var position: Position?
        /// The bytes of the entry, normally an envelope.
        let bytes: ByteBuffer
    }

    /// nil when Redis has no log of the topic.
    let head: Head?
    /// In ascending order.
    let entries: [Entry]

    init(head: Head?, entries: [Entry] = []) {
        self.head = head
        self.entries = entries
    }

    /// - Returns: nil for a value that is not an answer of the script.
    init?(_ value: RESPValue) {
        guard let parts = value.elements else { return nil }
        guard !parts.isEmpty else {
            self.init(head: nil)
            return
        }
        guard parts.count == 8, let order = parts[6].unsigned, let base = parts[7].unsigned, let epoch = parts[0].bytes,
            epoch.readableBytes == 8,
            let head = Head(epoch: epoch, offset: parts[1], start: parts[2], beginning: parts[3], number: parts[4]),
            let list = parts[5].elements, list.count.isMultiple(of: 3)
        else { return nil }
        var entries: [Entry] = []
        entries.reserveCapacity(list.count / 3)
        for index in stride(from: 0, to: list.count, by: 3) {
            guard let number = list[index].integer.flatMap(UInt64.init(exactly:)),
                let offset = list[index + 1].integer.flatMap(UInt64.init(exactly:)), let bytes = list[index + 2].bytes,
                offset <= head.offset, offset > entries.last?.offset ?? 0, number <= head.number,
                number > entries.last?.number ?? 0
            else { return nil }
            let position = number > base && order > 0 ? Position(epoch: order, number: number) : nil
            entries.append(Entry(offset: offset, number: number, position: position, bytes: bytes))
        }
        self.init(head: head, entries: entries)
    }
}

extension LogPage.Head {
    fileprivate init?(epoch: ByteBuffer, offset: RESPValue, start: RESPValue, beginning: RESPValue, number: RESPValue) {
        guard let epoch = epoch.getInteger(at: epoch.readerIndex, as: UInt64.self),
            let offset = offset.integer.flatMap(UInt64.init(exactly:)), let start = start.integer.flatMap(UInt64.init(exactly:)),
            let beginning = beginning.integer.flatMap(LogPage.Beginning.init(rawValue:)), start <= offset,
            let number = number.integer.flatMap(UInt64.init(exactly:)), offset <= LogPosition.offsets.upperBound
        else { return nil }
        self.init(epoch: epoch, offset: offset, start: start, beginning: beginning, number: number)
    }
}
