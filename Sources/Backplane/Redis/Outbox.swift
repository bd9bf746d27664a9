import NIOCore
import Protocol

/// What Redis has not confirmed yet, in order: first what has been written and awaits its answer, then what waits for the link.
///
/// When the link is lost, the first becomes the front of the second: nothing loses its place. Pure: time is an argument.
struct Outbox<Element> {
    struct Limits: Hashable, Sendable {
        /// Bytes that may wait, with ``overheadBytes`` for each message: 16 MiB. One message of any size may wait alone.
        var waitingBytes = 16 * 1024 * 1024
        /// Messages that may wait: 65,536.
        var waitingMessages = 65_536
        /// Bytes, counted so, of one client's messages that may wait: 1 MiB, so that sixteen have to talk without end before others find no
        /// room. One message of any size may wait alone.
        var clientBytes = 1024 * 1024
        /// How long a message may wait: 30 s. Later than that it surprises more than it helps.
        var age = TimeAmount.seconds(30)
        /// Bytes that may be written and unanswered: 64 MiB. What a link that is up but slow may cost in memory.
        var unansweredBytes = 64 * 1024 * 1024
    }

    private struct Entry {
        var element: Element
        let bytes: Int
        let at: NIODeadline
        let client: ConnectionID?
    }

    /// Counted for each message beside its bytes, so that many small ones are not free.
    static var overheadBytes: Int { 256 }

    let limits: Limits
    private var entries = CircularBuffer<Entry>()
    private var totalBytes = 0
    /// Of those clients that have any.
    private var clientBytes: [ConnectionID: Int] = [:]
    /// How many of the first entries have been written.
    private(set) var unanswered = 0
    /// How many, before those, Redis has refused unseen while others behind them were under way. They wait again once the last
    /// of these has been answered.
    private(set) var refusals = 0

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    var isEmpty: Bool { self.entries.isEmpty }
    /// Messages that wait for the link.
    var waiting: Int { self.entries.count - self.unanswered }

    /// Whether a message of so many bytes may be appended. Does not depend on the message's place: what is unanswered may wait again.
    /// - Parameter client: who said it; nil: no client.
    func hasRoom(forBytes bytes: Int, of client: ConnectionID? = nil, linked: Bool) -> Bool {
        if self.entries.isEmpty { return true }
        let bytes = bytes + Self.overheadBytes
        if linked { return self.totalBytes + bytes <= self.limits.unansweredBytes }
        if let client, let own = self.clientBytes[client], own + bytes > self.limits.clientBytes { return false }
        return self.totalBytes + bytes <= self.limits.waitingBytes && self.entries.count < self.limits.waitingMessages
    }

    /// Appends a message that waits until ``takeWaiting(_:)``. The caller has asked for room.
    mutating func append(_ element: Element, bytes: Int, of client: ConnectionID? = nil, at now: NIODeadline) {
        let entry = Entry(element: element, bytes: bytes + Self.overheadBytes, at: now, client: client)
        self.entries.append(entry)
        self.totalBytes += entry.bytes
        if let client { self.clientBytes[client, default: 0] += entry.bytes }
    }

    /// Puts messages before all others, as nothing is unanswered. Whether there is room does not matter: they were here a moment ago.
    mutating func putBack(_ elements: [(element: Element, bytes: Int)], at now: NIODeadline) {
        for (element, bytes) in elements.reversed() {
            self.entries.prepend(Entry(element: element, bytes: bytes + Self.overheadBytes, at: now, client: nil))
            self.totalBytes += bytes + Self.overheadBytes
        }
    }

    /// The oldest that has been written, is unanswered, and is such.
    func firstUnanswered(where isSuch: (Element) -> Bool) -> Element? {
        (self.refusals..<self.refusals + self.unanswered).lazy.map { self.entries[offset: $0].element }.first(where: isSuch)
    }

    /// The oldest of all.
    var first: Element? { self.entries.first?.element }

    /// Hands out what waits, in order; from now on it is unanswered. Nothing while there are ``refusals``: what they hold
    /// goes first.
    /// - Parameter mayGo: whether an element may be written behind so many that are unanswered. Past the first that may not, nothing is.
    mutating func takeWaiting(
        while mayGo: (_ element: Element, _ unanswered: Int) -> Bool = { _, _ in true },
        _ write: (Element) -> Void
    ) {
        guard self.refusals == 0 else { return }
        while self.unanswered < self.entries.count {
            let element = self.entries[offset: self.unanswered].element
            guard mayGo(element, self.unanswered) else { return }
            self.unanswered += 1
            write(element)
        }
    }

    /// Removes such of those that wait, while nothing is unanswered.
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
        self.isGone(entry)
        if self.unanswered == 0 { self.refusals = 0 }
        return entry.element
    }

    /// Redis has refused the oldest message, and certainly not carried it out: it keeps its place.
    mutating func refused() {
        guard self.unanswered > 0 else { return }
        self.unanswered -= 1
        self.refusals = self.unanswered == 0 ? 0 : self.refusals + 1
    }

    /// A message behind the refused ones was taken: their turn is over.
    /// - Returns: the refused ones, done with.
    mutating func removeRefused() -> [Element] {
        defer { self.refusals = 0 }
        return (0..<self.refusals).map { _ in self.removeFirst() }
    }

    /// The link is lost: what is unanswered waits again, at the front. `update` is called with each such message.
    mutating func linkLost(_ update: (inout Element) -> Void) {
        for offset in 0..<self.refusals + self.unanswered { update(&self.entries[offset: offset].element) }
        self.unanswered = 0
        self.refusals = 0
    }

    /// Calls `update` with each message, in order.
    mutating func updateAll(_ update: (inout Element) -> Void) {
        for offset in 0..<self.entries.count { update(&self.entries[offset: offset].element) }
    }

    /// Removes what has waited for too long, as long as nothing is unanswered.
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
        guard let client = entry.client, let rest = self.clientBytes[client].map({ $0 - entry.bytes }) else { return }
        self.clientBytes[client] = rest > 0 ? rest : nil
    }
}
