import NIOCore

/// The master as each sentinel reports it, and which reports to trust. Pure: time is an argument.
///
/// Sentinels agree soon after a failover. Before that, and while one of them is partitioned from the others, they differ. No
/// single report is trusted: the result is the order in which servers are to be verified.
struct SentinelQuorum {
    struct Report: Hashable, Sendable {
        let master: RedisAddress
        /// Rises with each failover.
        let epoch: Int64
    }

    /// How long a majority must report an older epoch before it is followed: 10 s. Sentinels learn of a failover from each other
    /// within two seconds. Until then an old master that returns still acts as a master, and messages sent to it would be lost.
    static let staleMajorityGrace = TimeAmount.seconds(10)

    /// The number of sentinels, including those without a report.
    let count: Int
    private var reports: [Int: Report] = [:]
    private var staleMajoritySince: NIODeadline?

    init(count: Int) {
        self.count = count
    }

    subscript(sentinel: Int) -> Report? {
        get { self.reports[sentinel] }
        set { self.reports[sentinel] = newValue }
    }

    var isEmpty: Bool { self.reports.isEmpty }

    /// Servers that may be the master, best first, each once with the newest epoch that any sentinel reports for it.
    ///
    /// The server that a majority reports is first, because a failover needs a majority. The others follow, newest epoch first.
    /// Servers with an epoch older than `known` are left out, unless a majority reports one for ``staleMajorityGrace``: the
    /// sentinels have then been set up again.
    mutating func candidates(known: Int64?, at now: NIODeadline) -> [Report] {
        var votes: [RedisAddress: Int] = [:]
        var epochs: [RedisAddress: Int64] = [:]
        for report in self.reports.values {
            votes[report.master, default: 0] += 1
            epochs[report.master] = max(epochs[report.master] ?? 0, report.epoch)
        }
        func isMajority(_ report: Report) -> Bool { (votes[report.master] ?? 0) * 2 > self.count }
        let newest = epochs.map { Report(master: $0, epoch: $1) }
        func isStale(_ report: Report) -> Bool { known.map { report.epoch < $0 } ?? false }
        self.staleMajoritySince = newest.contains { isMajority($0) && isStale($0) } ? self.staleMajoritySince ?? now : nil
        let isGraceOver = self.staleMajoritySince.map { now - $0 >= Self.staleMajorityGrace } ?? false
        return
            newest
            .filter { !isStale($0) || isGraceOver && isMajority($0) }
            .sorted { left, right in
                if isMajority(left) != isMajority(right) { return isMajority(left) }
                if left.epoch != right.epoch { return left.epoch > right.epoch }
                // Any stable order.
                return "\(left.master)" < "\(right.master)"
            }
    }
}
