import NIOCore
import VolaryProtocol

/// Messages that Redis has not confirmed yet, in order: first those that have been written and await an answer, then those that wait to be written.
///
/// Only a window is written at a time, so that other commands of this node run between. When the link is lost, the written messages wait
/// again, at the front: no message loses its position. Pure: time is an argument.
///
/// Senders share the room: see ``QueueRoom``.
struct Outbox<Element> {
    struct Limits: Hashable, Sendable {
        /// Bytes that may be here while the link is down, with ``overheadBytes`` for each message: 16 MiB. One message of any size may be
        /// here alone.
        var waitingBytes = 16 * 1024 * 1024
        /// Bytes that may be here while the link is up, counted alike: 64 MiB. Bounds the memory that a slow link costs.
        var linkedBytes = 64 * 1024 * 1024
        /// Messages that may be here: 65,536.
        var messages = 65_536
        /// Bytes of one client's messages that may wait while the link is down: 1 MiB. One message of any size may wait alone. While the link
        /// is up, a client has few unfinished messages.
        var clientBytes = 1024 * 1024
        /// How long a message may wait for the link: 30 s. Delivered later it would confuse its readers.
        var age = TimeAmount.seconds(30)
        /// Messages that may be written and unanswered: 1,024. Redis needs some 25 ms for so many.
        var windowMessages = 1024
        /// Bytes that may be written and unanswered: 4 MiB, or one message. A link of 2 MiB a second carries them within a command's timeout.
        var windowBytes = 4 * 1024 * 1024
    }

    private struct Entry {
        var element: Element
        let bytes: Int
        let at: NIODeadline
        let sender: MessageSender
    }

    /// Counted for each message beside its bytes, so that many small ones are not free.
    static var overheadBytes: Int { 256 }

    let limits: Limits
    private var entries = CircularBuffer<Entry>()
    private var totalBytes = 0
    /// By sender, of those that have messages here.
    private var senderBytes: [MessageSender: Int] = [:]
    /// How many of the first entries have been written.
    private(set) var unanswered = 0
    /// Their bytes.
    private var unansweredBytes = 0
    /// How many messages, before the unanswered ones, Redis has refused without looking at them (NOSCRIPT). They wait again once all unanswered
    /// ones have been answered.
    private(set) var refusals = 0

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    var isEmpty: Bool { self.entries.isEmpty }
    /// Messages that wait to be written.
    var waiting: Int { self.entries.count - self.unanswered }
    /// Their bytes.
    var waitingBytes: Int { self.totalBytes - self.unansweredBytes }
    /// Whether as much waits to be written as may be unanswered.
    var hasWindowWaiting: Bool {
        self.waiting >= self.limits.windowMessages || self.waitingBytes >= self.limits.windowBytes
    }
    /// Whether something waits, and half of the window is free: messages then leave in batches.
    var isDue: Bool {
        self.waiting > 0 && self.unanswered <= self.limits.windowMessages / 2
            && self.unansweredBytes <= self.limits.windowBytes / 2
    }

    /// Whether a message of so many bytes may be appended. Unanswered messages count as well, as they may have to wait again.
    /// - Parameter sender: the node itself has no share of its own.
    func hasRoom(forBytes bytes: Int, of sender: MessageSender = .node, linked: Bool) -> Bool {
        if self.entries.isEmpty { return true }
        let room = QueueRoom(
            bytes: (linked ? self.limits.linkedBytes : self.limits.waitingBytes) - self.totalBytes,
            messages: self.entries.count,
            maximumMessages: self.limits.messages,
            clientBytes: linked ? .max : self.limits.clientBytes
        )
        return room.admits(bytes + Self.overheadBytes, of: sender, having: self.senderBytes[sender] ?? 0)
    }

    /// Appends a message that waits until ``takeWaiting(_:)``. The caller has asked for room.
    mutating func append(_ element: Element, bytes: Int, of sender: MessageSender = .node, at now: NIODeadline) {
        let entry = Entry(element: element, bytes: bytes + Self.overheadBytes, at: now, sender: sender)
        self.entries.append(entry)
        self.totalBytes += entry.bytes
        if sender != .node { self.senderBytes[sender, default: 0] += entry.bytes }
    }

    /// Puts messages before all others, while nothing is unanswered. Not bounded: they were here a moment ago.
    mutating func putBack(_ elements: [(element: Element, bytes: Int)], at now: NIODeadline) {
        for (element, bytes) in elements.reversed() {
            self.entries.prepend(Entry(element: element, bytes: bytes + Self.overheadBytes, at: now, sender: .node))
            self.totalBytes += bytes + Self.overheadBytes
        }
    }

    /// The oldest unanswered element for which `isSuch` holds.
    func firstUnanswered(where isSuch: (Element) -> Bool) -> Element? {
        (self.refusals..<self.refusals + self.unanswered).lazy.map { self.entries[offset: $0].element }.first(where: isSuch)
    }

    /// The oldest of all.
    var first: Element? { self.entries.first?.element }

    /// Hands out waiting elements, in order, as far as the window has room; they are unanswered from then on. None while there are
    /// ``refusals``, which go first.
    /// - Parameter mayGo: whether an element may be written behind so many unanswered ones. The first that may not holds up all others.
    mutating func takeWaiting(
        while mayGo: (_ element: Element, _ unanswered: Int) -> Bool = { _, _ in true },
        _ write: (Element) -> Void
    ) {
        guard self.refusals == 0 else { return }
        while self.unanswered < self.entries.count {
            let entry = self.entries[offset: self.unanswered]
            guard self.hasWindow(for: entry.bytes), mayGo(entry.element, self.unanswered) else { return }
            self.unanswered += 1
            self.unansweredBytes += entry.bytes
            write(entry.element)
        }
    }

    private func hasWindow(for bytes: Int) -> Bool {
        guard self.unanswered > 0 else { return true }
        return self.unanswered < self.limits.windowMessages && self.unansweredBytes + bytes <= self.limits.windowBytes
    }

    /// Removes the elements for which `isSuch` holds, while nothing is unanswered.
    mutating func removeWaiting(where isSuch: (Element) -> Bool) -> [Element] {
        let removed = self.entries.filter { isSuch($0.element) }
        self.entries.removeAll { isSuch($0.element) }
        for entry in removed { self.isGone(entry) }
        return removed.map(\.element)
    }

    /// Redis has answered the oldest message.
    /// - Returns: the message, done with; nil when none was unanswered.
    mutating func answered() -> Element? {
        guard self.unanswered > 0 else { return nil }
        self.unanswered -= 1
        let entry = self.entries.remove(at: self.entries.index(self.entries.startIndex, offsetBy: self.refusals))
        self.unansweredBytes -= entry.bytes
        self.isGone(entry)
        if self.unanswered == 0 { self.refusals = 0 }
        return entry.element
    }

    /// Redis has refused the oldest unanswered message without carrying it out: it keeps its position.
    mutating func refused() {
        guard self.unanswered > 0 else { return }
        self.unanswered -= 1
        self.unansweredBytes -= self.entries[offset: self.refusals].bytes
        self.refusals = self.unanswered == 0 ? 0 : self.refusals + 1
    }

    /// Redis has taken a message behind the refused ones, which it has overtaken.
    /// - Returns: the refused ones, done with.
    mutating func removeRefused() -> [Element] {
        defer { self.refusals = 0 }
        return (0..<self.refusals).map { _ in self.removeFirst() }
    }

    /// The link is lost: unanswered messages wait again, at the front. `update` is called with each of them.
    mutating func linkLost(_ update: (inout Element) -> Void) {
        for offset in 0..<self.refusals + self.unanswered { update(&self.entries[offset: offset].element) }
        self.unanswered = 0
        self.unansweredBytes = 0
        self.refusals = 0
    }

    /// Calls `update` with each message, in order.
    mutating func updateAll(_ update: (inout Element) -> Void) {
        for offset in 0..<self.entries.count { update(&self.entries[offset: offset].element) }
    }

    /// Removes messages that have waited for too long, as long as nothing is unanswered.
    /// - Returns: how many messages.
    mutating func expire(at now: NIODeadline) -> Int {
        var expired = 0
        while self.unanswered == 0, let first = self.entries.first, now - first.at >= self.limits.age {
            _ = self.removeFirst()
            expired += 1
        }
        return expired
    }

    private mutating func removeFirst() -> Element {
        let entry = self.entries.removeFirst()
        self.isGone(entry)
        return entry.element
    }

    private mutating func isGone(_ entry: Entry) {
        self.totalBytes -= entry.bytes
        guard let rest = self.senderBytes[entry.sender].map({ $0 - entry.bytes }) else { return }
        self.senderBytes[entry.sender] = rest > 0 ? rest : nil
    }
}
