import NIOCore

/// The last messages that Redis has confirmed, in order, to be published again after a fail-over. Pure: time is an argument.
///
/// Replication is asynchronous: a replica that becomes the master may lack them. And while some nodes are still linked to the old master, nodes
/// that are linked to the new one do not receive what is published there. Receivers drop what they have had already.
struct FailoverReplayBuffer<Element> {
    /// How long before the link to the master was lost, at most: 5 s. A node polls the sentinels every second, and they
    /// notify it of a fail-over at once; a link to a frozen master is lost within 3 s.
    static var age: TimeAmount { .seconds(5) }
    /// How long the link may have been down: a minute. Sentinels wait for half of it, by default, before they call a master dead.
    static var maximumOutage: TimeAmount { .seconds(60) }
    /// Bytes at most, with ``Outbox/overheadBytes`` for each message: 4 MiB. The oldest are forgotten first.
    static var maximumBytes: Int { 4 * 1024 * 1024 }

    private var entries = CircularBuffer<(element: Element, bytes: Int, at: NIODeadline)>()
    private var totalBytes = 0
    private var lostAt: NIODeadline?

    var count: Int { self.entries.count }

    mutating func append(_ element: Element, bytes: Int, at now: NIODeadline) {
        self.entries.append((element, bytes + Outbox<Element>.overheadBytes, now))
        self.totalBytes += bytes + Outbox<Element>.overheadBytes
        self.forget(before: now - Self.age)
        while self.totalBytes > Self.maximumBytes { self.removeFirst() }
    }

    /// The link is lost: nothing more is confirmed, and ages stand still.
    mutating func linkLost(at now: NIODeadline) {
        self.lostAt = self.lostAt ?? now
    }

    /// The link is up again.
    mutating func linked() {
        self.lostAt = nil
    }

    /// - Returns: the messages that are not too old. The buffer is empty afterwards.
    mutating func takeAll(at now: NIODeadline) -> [Element] {
        let end = if let lostAt, now - lostAt <= Self.maximumOutage { lostAt } else { now }
        self.forget(before: end - Self.age)
        defer {
            self.entries.removeAll()
            self.totalBytes = 0
        }
        return self.entries.map(\.element)
    }

    private mutating func forget(before time: NIODeadline) {
        while let first = self.entries.first, first.at < time { self.removeFirst() }
    }

    private mutating func removeFirst() {
        self.totalBytes -= self.entries.removeFirst().bytes
    }
}
