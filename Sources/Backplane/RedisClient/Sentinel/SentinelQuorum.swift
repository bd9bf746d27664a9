import NIOCore

/// Which master each sentinel reports, and in which order to check the reported servers. Pure: time is an argument.
///
/// Sentinels agree within moments of a fail-over; until then, and while one is partitioned from the others, they differ. So no report is
/// believed before the server itself has been asked.
struct SentinelQuorum {
    struct Opinion: Hashable, Sendable {
        let master: RedisAddress
        /// Grows with each fail-over.
        let epoch: Int64
    }

    /// How long a majority must report an older epoch before it is followed: 10 s. Sentinels spread a fail-over within 2 s; until then an old
    /// master that comes back still acts as a master, and messages that are published there are lost.
    static let staleMajorityGrace = TimeAmount.seconds(10)

    /// How many sentinels there are, including those that do not answer.
    let count: Int
    private var opinions: [Int: Opinion] = [:]
    private var staleMajoritySince: NIODeadline?

    init(count: Int) {
        self.count = count
    }

    subscript(sentinel: Int) -> Opinion? {
        get { self.opinions[sentinel] }
        set { self.opinions[sentinel] = newValue }
    }

    var isEmpty: Bool { self.opinions.isEmpty }

    /// Servers that may be the master, best first, each once with its newest epoch.
    ///
    /// The report of a majority comes first: no fail-over happens without one. The others follow, newest first. Epochs older than `known` are
    /// stale, unless a majority reports one for ``staleMajorityGrace``: the sentinels have been reset.
    mutating func candidates(known: Int64?, at now: NIODeadline) -> [Opinion] {
        var votes: [RedisAddress: Int] = [:]
        var epochs: [RedisAddress: Int64] = [:]
        for opinion in self.opinions.values {
            votes[opinion.master, default: 0] += 1
            epochs[opinion.master] = max(epochs[opinion.master] ?? 0, opinion.epoch)
        }
        func isMajority(_ opinion: Opinion) -> Bool { (votes[opinion.master] ?? 0) * 2 > self.count }
        let said = epochs.map { Opinion(master: $0, epoch: $1) }
        func isStale(_ opinion: Opinion) -> Bool { known.map { opinion.epoch < $0 } ?? false }
        self.staleMajoritySince = said.contains { isMajority($0) && isStale($0) } ? self.staleMajoritySince ?? now : nil
        let isFollowed = self.staleMajoritySince.map { now - $0 >= Self.staleMajorityGrace } ?? false
        return
            said
            .filter { !isStale($0) || isFollowed && isMajority($0) }
            .sorted { left, right in
                if isMajority(left) != isMajority(right) { return isMajority(left) }
                if left.epoch != right.epoch { return left.epoch > right.epoch }
                // Any order, but always the same.
                return "\(left.master)" < "\(right.master)"
            }
    }
}
