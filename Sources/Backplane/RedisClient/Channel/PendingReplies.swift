import NIOCore

/// The commands of one connection that Redis has not answered, in order, and when the oldest one is overdue. Pure: time is an
/// argument.
struct PendingReplies {
    typealias Reply = (Result<RESPValue, RedisLinkError>) -> Void

    private struct Entry {
        /// Nil for (S)SUBSCRIBE and (S)UNSUBSCRIBE: their answers are pushes.
        let reply: Reply?
        var answersMissing: Int
        let sentAt: NIODeadline
    }

    enum Oldest {
        /// - after: the time since it was sent.
        case command(Reply, after: TimeAmount)
        case subscription
    }

    private let timeout: TimeAmount
    private var entries = CircularBuffer<Entry>()
    private var lastProgress = NIODeadline.distantPast

    /// - Parameter timeout: the longest time from a command to its answer, or between two answers.
    init(timeout: TimeAmount) {
        self.timeout = timeout
    }

    var isEmpty: Bool { self.entries.isEmpty }

    /// When the oldest command is overdue; nil when there is none. Answers come one after the other: each answer restarts the
    /// timeout.
    var deadline: NIODeadline? {
        self.entries.first.map { max($0.sentAt, self.lastProgress) + self.timeout }
    }

    mutating func append(_ reply: @escaping Reply, at now: NIODeadline) {
        self.entries.append(Entry(reply: reply, answersMissing: 1, sentAt: now))
    }

    /// Appends a (S)SUBSCRIBE or (S)UNSUBSCRIBE of `channels` channels.
    mutating func appendSubscription(channels: Int, at now: NIODeadline) {
        self.entries.append(Entry(reply: nil, answersMissing: channels, sentAt: now))
    }

    /// Redis has sent something that shows that it works on the commands.
    mutating func progressed(at now: NIODeadline) {
        self.lastProgress = now
    }

    /// Call for an answer. Restarts the timeout.
    /// - Returns: the oldest command, which is removed; nil when there is none.
    mutating func answered(at now: NIODeadline) -> Oldest? {
        guard let entry = self.entries.popFirst() else { return nil }
        self.lastProgress = now
        if let reply = entry.reply { return .command(reply, after: now - entry.sentAt) }
        return .subscription
    }

    /// Call for the acknowledgement of one channel.
    /// - Returns: whether the oldest command is a (S)SUBSCRIBE or (S)UNSUBSCRIBE.
    mutating func acknowledged() -> Bool {
        guard let oldest = self.entries.first, oldest.reply == nil else { return false }
        self.entries[self.entries.startIndex].answersMissing -= 1
        if oldest.answersMissing == 1 { _ = self.entries.popFirst() }
        return true
    }

    /// - Returns: the replies of all commands, which are removed.
    mutating func removeAll() -> [Reply] {
        defer { self.entries.removeAll() }
        return self.entries.compactMap(\.reply)
    }
}
