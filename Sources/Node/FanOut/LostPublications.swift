import VolaryProtocol

/// Counts publications that an event loop had no room for, until their clients are notified. Pure.
struct LostPublications {
    /// Maximum of audiences that are counted separately: 1,000. Above it every client of every hub is notified that messages may have
    /// been lost.
    static let maximumAudiences = 1000

    /// Empty if there are too many audiences.
    private(set) var counts: [HubAudience: Int] = [:]
    private(set) var hasTooManyAudiences = false

    var isEmpty: Bool { self.counts.isEmpty && !self.hasTooManyAudiences }

    mutating func add(_ count: Int, of audience: HubAudience) {
        guard !self.hasTooManyAudiences else { return }
        self.counts[audience, default: 0] += count
        guard self.counts.count > Self.maximumAudiences else { return }
        self.hasTooManyAudiences = true
        self.counts = [:]
    }
}
