import NIOCore

/// The most recent messages that Redis has confirmed, in order, to be published again after a fail-over. Pure: time is an
/// argument.
///
/// Replication is asynchronous, so a replica that becomes the master may not have them. What it has, it does not execute again, see
/// ``RedisScript/order``. Receivers that have a message drop it.
struct FailoverReplayBuffer<Element> {
    /// Maximum age of a message when the link to the master is lost: 60 s, the default time after which a replica notices that
    /// its link to the master is silent.
    static var age: TimeAmount { .seconds(60) }
    /// Maximum time for which the link may have been down: 60 s. Sentinels by default wait for half of it before they consider
    /// a master down.
    static var maximumOutage: TimeAmount { .seconds(60) }
    /// Maximum of bytes, including ``Outbox/overheadBytes`` for each message: 16 MiB. The oldest messages are removed first.
    static var maximumBytes: Int { 16 * 1024 * 1024 }
    /// Maximum of messages: 10,000. Redis answers that it has them within a second.
    static var maximumCount: Int { 10_000 }

    private var entries = CircularBuffer<(element: Element, bytes: Int, at: NIODeadline)>()
    private var totalBytes = 0
    private var lostAt: NIODeadline?
    /// The server that confirmed the messages.
    private var address: RedisAddress?

    var count: Int { self.entries.count }

    mutating func append(_ element: Element, bytes: Int, at now: NIODeadline) {
        self.entries.append((element, bytes + Outbox<Element>.overheadBytes, now))
        self.totalBytes += bytes + Outbox<Element>.overheadBytes
        self.forget(before: now - Self.age)
        while self.totalBytes > Self.maximumBytes || self.entries.count > Self.maximumCount { self.removeFirst() }
    }

    /// Call when the link was lost. No message is confirmed any more, and ages stop increasing.
    mutating func linkLost(at now: NIODeadline) {
        self.lostAt = self.lostAt ?? now
    }

    /// Call when the link is up again.
    /// - Returns: the messages that another server has confirmed, and that are not too old. They leave the buffer.
    mutating func linked(to address: RedisAddress, at now: NIODeadline) -> [Element] {
        defer {
            self.address = address
            self.linked()
        }
        guard let known = self.address, known != address else { return [] }
        return self.takeAll(at: now)
    }

    /// Call when the link to the same server is up again.
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
