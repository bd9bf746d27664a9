import NIOCore

/// What each sentinel says of the master, and whom to believe. Pure: time is an argument.
///
/// Sentinels agree within moments of a fail-over; until then, and for as long as one is cut off from the others, they differ. Nobody's word
/// is enough: what comes out here is the order in which servers are worth a look.
struct SentinelQuorum {
    struct Opinion: Hashable, Sendable {
        let master: RedisAddress
        /// Grows with each fail-over.
        let epoch: Int64
    }

    /// So long most sentinels must insist on what is older than what is known: 10 s. They tell each other of a fail-over within two, and
    /// until then the old master, should it come back, still takes itself for one: what is said there is lost.
    static let staleMajorityGrace = TimeAmount.seconds(10)

    /// How many sentinels there are, also of those that say nothing.
    let count: Int
    private var opinions: [Int: Opinion] = [:]
    private var insistSince: NIODeadline?

    init(count: Int) {
        self.count = count
    }

    subscript(sentinel: Int) -> Opinion? {
        get { self.opinions[sentinel] }
        set { self.opinions[sentinel] = newValue }
    }

    var isEmpty: Bool { self.opinions.isEmpty }

    /// Servers that may be the master, best first, each once with the newest epoch that anyone knows for it.
    ///
    /// What most sentinels say goes first: no fail-over happens without them. Of the rest, the newest. What is older than `known` is the past,
    /// unless most insist on it: they have been set up anew.
    mutating func candidates(known: Int64?, at now: NIODeadline) -> [Opinion] {
        var votes: [RedisAddress: Int] = [:]
        var epochs: [RedisAddress: Int64] = [:]
        for opinion in self.opinions.values {
            votes[opinion.master, default: 0] += 1
            epochs[opinion.master] = max(epochs[opinion.master] ?? 0, opinion.epoch)
        }
        func isMajority(_ opinion: Opinion) -> Bool { (votes[opinion.master] ?? 0) * 2 > self.count }
        let said = epochs.map { Opinion(master: $0, epoch: $1) }
        func isPast(_ opinion: Opinion) -> Bool { known.map { opinion.epoch < $0 } ?? false }
        self.insistSince = said.contains { isMajority($0) && isPast($0) } ? self.insistSince ?? now : nil
        let areInsisting = self.insistSince.map { now - $0 >= Self.staleMajorityGrace } ?? false
        return
            said
            .filter { !isPast($0) || areInsisting && isMajority($0) }
            .sorted { left, right in
                if isMajority(left) != isMajority(right) { return isMajority(left) }
                if left.epoch != right.epoch { return left.epoch > right.epoch }
                // Any order, but always the same.
                return "\(left.master)" < "\(right.master)"
            }
    }
}
