import VolaryProtocol

/// The topics whose heads are refreshed next, in rounds of all topics. Pure.
struct HeadRefreshQueue {
    /// Time of a normal round: 900 s, a quarter of the minimum lifetime of a head.
    static let roundSeconds = 900
    /// Time of an urgent round: 30 s, half of the time in which all messages are logged, see ``RedisScript/identify``.
    static let urgentRoundSeconds = 30
    /// Minimum of heads per second in an urgent round: 100.
    static let urgentMinimum = 100

    /// Topics of this round that have not been returned.
    private var rest: ArraySlice<Topic> = []
    private var isUrgent = false

    /// Begins an urgent round, because Redis may have lost all heads.
    mutating func hurry() {
        self.isUrgent = true
        self.rest = []
    }

    /// Call once per second.
    /// - Parameter topics: all topics that the node uses. A round contains the topics at its beginning.
    mutating func next(of topics: some Collection<Topic>) -> ArraySlice<Topic> {
        if self.rest.isEmpty { self.rest = Array(topics)[...] }
        let seconds = self.isUrgent ? Self.urgentRoundSeconds : Self.roundSeconds
        let count = max(self.isUrgent ? Self.urgentMinimum : 1, (topics.count + seconds - 1) / seconds)
        defer {
            self.rest = self.rest.dropFirst(count)
            if self.rest.isEmpty { self.isUrgent = false }
        }
        return self.rest.prefix(count)
    }
}
