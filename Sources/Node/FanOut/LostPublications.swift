import VolaryProtocol

/// Counts publications that an event loop had no room for, until their clients are notified. Pure.
struct LostPublications {
    /// Maximum of audiences that are counted separately: 1,000. Above it every client is notified that messages may have been
    /// lost.
    static let maximumAudiences = 1000

    private var counts: [Audience: Int] = [:]
    private var hasTooManyAudiences = false

    var isEmpty: Bool { self.counts.isEmpty && !self.hasTooManyAudiences }

    /// The number of lost publications by audience; nil for an unknown number.
    var byAudience: [(audience: Audience, count: Int?)] {
        self.hasTooManyAudiences ? [(.all, nil)] : self.counts.map { ($0.key, $0.value) }
    }

    mutating func add(_ count: Int, of audience: Audience) {
        guard !self.hasTooManyAudiences else { return }
        self.counts[audience, default: 0] += count
        guard self.counts.count > Self.maximumAudiences else { return }
        self.hasTooManyAudiences = true
        self.counts = [:]
    }
}
