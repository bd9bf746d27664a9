import VolaryProtocol

/// The head of a hub's order: its epoch and number, and what is known of earlier ones.
struct HubHead {
    /// Epochs that are kept, this one included.
    static let keptEpochs = 16
    /// How far numbers jump when an epoch begins: more than any history can have lost.
    static let jump: UInt64 = 1 << 24
    /// 2020-01-01 in seconds since 1970. An epoch's numbers are at least the seconds since then, times 2^16.
    private static let year2020: Int64 = 1_577_836_800

    private(set) var epoch: UInt64
    private(set) var number: UInt64
    /// Milliseconds since 1970 when the epoch began.
    private(set) var since: Int64
    /// The store's process in which the epoch began.
    private(set) var process: UInt64
    /// See ``LastNumbers/lost``.
    private(set) var lost: Position?
    /// Oldest first; the last is this epoch.
    private var starts: [EpochStart]
    /// The number at a time, at the start of the epoch and every 10 s, oldest first.
    private var marks: [(time: Int64, number: UInt64)] = []

    /// - Parameters:
    ///   - former: nil when the head is gone.
    ///   - surviving: the highest number in logs whose head is gone.
    init(after former: HubHead?, surviving: UInt64, process: UInt64, seen: Position?, now: Int64) {
        let base = former?.number ?? 0
        let highest = max(base, surviving, seen?.number ?? 0)
        self.epoch = max(max(former?.epoch ?? 0, seen?.epoch ?? 0) + 1, UInt64(max(now, 1)))
        // The first number of a new hub is above all that another hub of this name may have had.
        self.number = max(highest + Self.jump, Self.firstNumber(at: now))
        self.since = now
        self.lost = former?.lost
        self.process = process
        self.starts = (former?.starts ?? []).suffix(Self.keptEpochs - 1) + [EpochStart(epoch: self.epoch, base: base)]
        self.marks = [(now, self.number)]
    }

    /// - Parameter now: milliseconds since 1970.
    static func firstNumber(at now: Int64) -> UInt64 { UInt64(max(now / 1000 - self.year2020, 0)) << 16 }

    var position: Position { Position(epoch: self.epoch, number: self.number) }

    mutating func next() -> UInt64 {
        self.number += 1
        return self.number
    }

    /// Whether the history that this head belongs to lacks what a caller has observed.
    func lacks(_ seen: Position?) -> Bool {
        guard let seen else { return false }
        return seen.epoch == self.epoch ? seen.number > self.number : seen.epoch > self.epoch
    }

    /// What a caller has observed.
    mutating func note(_ seen: Position?) {
        guard let seen, self.lost.map({ $0 < seen }) ?? true else { return }
        let next = self.starts.first { $0.epoch > seen.epoch }
        let isKnown = self.starts.contains { $0.epoch == seen.epoch }
        if self.lacks(seen) || next.map({ !isKnown || seen.number > $0.base }) == true { self.lost = seen }
    }

    /// See ``EpochLoss/above``.
    func lostAbove(_ seen: Position?, rules: SessionRules) -> UInt64? {
        guard let seen, seen.epoch != self.epoch else { return nil }
        if !rules.enforces(.everyBase) { return self.starts.last?.base }
        // Whoever knows an epoch that is not kept any more may have observed anything.
        guard self.starts.contains(where: { $0.epoch == seen.epoch }) else { return 0 }
        return self.starts.lazy.filter { $0.epoch > seen.epoch }.map(\.base).min()
    }

    /// - Parameter life: of a topic without entries, in milliseconds.
    /// See ``EpochLoss/isTotal``.
    func wasEmpty(since seen: Position) -> Bool { self.starts.contains { $0.epoch > seen.epoch && $0.base == 0 } }

    mutating func markTime(_ now: Int64, life: Int64) {
        guard let last = self.marks.last, now - last.time >= SessionLimits.markInterval.milliseconds else { return }
        self.marks.removeAll { now - $0.time >= life }
        self.marks.append((now, self.number))
    }

    /// A log that is not there has lost nothing above this number: an expired one had no entry within the life of a topic.
    func floor(at now: Int64, life: Int64) -> UInt64 {
        self.marks.first { now - $0.time < life }?.number ?? self.number
    }
}
