import VolaryProtocol

/// Publications that an event loop had no room for, until their clients are told. Pure.
struct LostPublications {
    /// Audiences that are told apart: 1,000. Past that everyone is told that something may be lost.
    static let maximumAudiences = 1000

    private var counts: [Audience: Int] = [:]
    private var hasTooManyAudiences = false

    var isEmpty: Bool { self.counts.isEmpty && !self.hasTooManyAudiences }

    /// How many each audience has lost; nil where nobody can say.
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
