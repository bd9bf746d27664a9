import NIOCore
import VolaryProtocol

/// Messages that Redis has not confirmed, in order: first those that have been written and await an answer, then those that
/// wait to be written.
///
/// Only a window is written at a time, so that other commands of this node run in between. When the link is lost, the written
/// messages wait again at the front, so that no message loses its position. Pure: time is an argument.
///
/// Senders share the capacity: see ``QueueRoom``.
struct Outbox<Element> {
    struct Limits: Hashable, Sendable {
        /// Maximum of bytes while the link is down, including ``overheadBytes`` for each message: 16 MiB. An empty outbox
        /// accepts one message of any size.
        var waitingBytes = 16 * 1024 * 1024
        /// Maximum of bytes while the link is up, counted in the same way: 64 MiB. Limits the memory used with a slow link.
        var linkedBytes = 64 * 1024 * 1024
        /// Maximum of messages: 65,536.
        var messages = 65_536
        /// Maximum of bytes of one client's messages while the link is down: 1 MiB, or one message of any size. While the link
        /// is up, the number of a client's unfinished messages is limited.
        var clientBytes = 1024 * 1024
        /// Maximum time for which a message may wait for the link: 30 s. Later deliveries would be confusing.
        var age = TimeAmount.seconds(30)
        /// Maximum of written messages without an answer: 1,024. Redis needs about 25 ms for this number.
        var windowMessages = 1024
        /// Maximum of written bytes without an answer: 4 MiB, or one message. A link with 2 MiB per second carries them within
        /// a command's timeout.
        var windowBytes = 4 * 1024 * 1024
    }

    private struct Entry {
        var element: Element
        let bytes: Int
        let at: NIODeadline
        let sender: MessageSender
    }

    /// Bytes counted for each message in addition to its own, so that small messages are not free: 256.
    static var overheadBytes: Int { 256 }

    let limits: Limits
    private var entries = CircularBuffer<Entry>()
    private var totalBytes = 0
    /// Bytes by sender. Senders without messages have no entry.
    private var senderBytes: [MessageSender: Int] = [:]
    /// Number of the first entries that have been written.
    private(set) var unanswered = 0
    /// The bytes of these entries.
    private var unansweredBytes = 0
    /// Number of messages, before the unanswered ones, that Redis has refused without carrying them out (NOSCRIPT). They wait
    /// again once all unanswered ones have been answered.
    private(set) var refusals = 0

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    var isEmpty: Bool { self.entries.isEmpty }
    /// Number of messages that wait to be written.
    var waiting: Int { self.entries.count - self.unanswered }
    /// The bytes of these messages.
    var waitingBytes: Int { self.totalBytes - self.unansweredBytes }
    /// Whether a whole window of messages waits to be written.
    var hasWindowWaiting: Bool {
        self.waiting >= self.limits.windowMessages || self.waitingBytes >= self.limits.windowBytes
    }
    /// Whether messages wait and half of the window is free, so that messages leave in batches.
    var isDue: Bool {
        self.waiting > 0 && self.unanswered <= self.limits.windowMessages / 2
            && self.unansweredBytes <= self.limits.windowBytes / 2
    }

    /// Whether a message of this size may be appended. Unanswered messages count as well, because they may have to wait again.
    /// - Parameter sender: the node itself is not limited to a share.
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

    /// Appends a message, which waits until ``takeWaiting(_:)``. Call only if there is room.
    mutating func append(_ element: Element, bytes: Int, of sender: MessageSender = .node, at now: NIODeadline) {
        let entry = Entry(element: element, bytes: bytes + Self.overheadBytes, at: now, sender: sender)
        self.entries.append(entry)
        self.totalBytes += entry.bytes
        if sender != .node { self.senderBytes[sender, default: 0] += entry.bytes }
    }

    /// Puts messages before all others, while nothing is unanswered. Not limited, because they have been in the outbox before.
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

    /// All elements, in order.
    var elements: some Sequence<Element> { self.entries.lazy.map(\.element) }

    /// The oldest element.
    var first: Element? { self.entries.first?.element }

    /// Returns waiting elements, in order, as far as the window permits. They are unanswered from then on. Returns none while
    /// there are ``refusals``, which go first.
    /// - Parameter mayGo: whether an element may be written after the given number of unanswered ones. If not, no later element
    ///   is written either.
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

    /// Call when Redis has answered the oldest message.
    /// - Returns: the message, which is removed; nil when none was unanswered.
    mutating func answered() -> Element? {
        guard self.unanswered > 0 else { return nil }
        self.unanswered -= 1
        let entry = self.entries.remove(at: self.entries.index(self.entries.startIndex, offsetBy: self.refusals))
        self.unansweredBytes -= entry.bytes
        self.isGone(entry)
        if self.unanswered == 0 { self.refusals = 0 }
        return entry.element
    }

    /// Call when Redis has refused the oldest unanswered message without carrying it out. It keeps its position.
    mutating func refused() {
        guard self.unanswered > 0 else { return }
        self.unanswered -= 1
        self.unansweredBytes -= self.entries[offset: self.refusals].bytes
        self.refusals = self.unanswered == 0 ? 0 : self.refusals + 1
    }

    /// Call when Redis has accepted a message that is behind refused ones.
    /// - Returns: the refused messages, which are removed.
    mutating func removeRefused() -> [Element] {
        defer { self.refusals = 0 }
        return (0..<self.refusals).map { _ in self.removeFirst() }
    }

    /// Call when the link was lost. Unanswered messages wait again at the front. `update` is called with each of them.
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

    /// Removes messages that have waited for too long, while nothing is unanswered.
    /// - Returns: the number of removed messages.
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
