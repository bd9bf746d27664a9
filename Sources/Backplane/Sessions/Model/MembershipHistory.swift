public import VolaryProtocol

/// The group memberships of one connection, each with the numbers between which it holds.
///
/// Intervals are kept until the acknowledged number has passed their end, so that whoever counts again finds the members of then. A
/// group may have several: after leaving and joining again, two.
public struct MembershipHistory: Hashable, Sendable {
    /// Member for the entries with numbers in (from, to].
    public struct Interval: Hashable, Sendable {
        public let from: UInt64
        /// Nil while the connection is a member.
        public var to: UInt64?

        public init(from: UInt64, to: UInt64? = nil) {
            self.from = from
            self.to = to
        }

        func contains(_ number: UInt64) -> Bool { self.from < number && self.to.map { number <= $0 } ?? true }
    }

    /// In the order of their numbers; no list is empty.
    public private(set) var intervals: [AudienceName: [Interval]]

    public init(intervals: [AudienceName: [Interval]] = [:]) {
        self.intervals = intervals.filter { !$0.value.isEmpty }
    }

    /// Intervals of all groups.
    public var count: Int { self.intervals.values.reduce(0) { $0 + $1.count } }

    public func contains(_ group: AudienceName, at number: UInt64) -> Bool {
        self.intervals[group]?.contains { $0.contains(number) } ?? false
    }

    /// The number of groups of which the connection is a member.
    func count(at number: UInt64) -> Int { self.intervals.values.count { $0.contains { $0.contains(number) } } }

    /// Whether an interval is open.
    public func isMember(of group: AudienceName) -> Bool { self.intervals[group]?.last.map { $0.to == nil } ?? false }

    /// Whether a connection may join one more group.
    func hasRoom(for group: AudienceName) -> Bool {
        var (groups, bytes) = (0, group.byteCount)
        for (name, intervals) in self.intervals where intervals.contains(where: { $0.to == nil }) {
            groups += 1
            bytes += name.byteCount
        }
        return self.count < SessionLimits.intervals && groups < GroupLimits.maximum.groups && bytes <= GroupLimits.maximum.bytes
    }

    /// The groups with an open interval, in order.
    public var current: [AudienceName] { self.intervals.keys.filter(self.isMember).sorted() }

    /// Opens an interval after `number`, unless one is open or begins there. May be repeated.
    public mutating func join(_ group: AudienceName, at number: UInt64) {
        guard !self.isMember(of: group), self.intervals[group]?.contains(where: { $0.from >= number }) != true else { return }
        self.intervals[group, default: []].append(Interval(from: number))
    }

    /// Closes the open interval with `number`, if it began before. May be repeated.
    public mutating func leave(_ group: AudienceName, at number: UInt64) {
        guard var intervals = self.intervals[group], let last = intervals.last, last.to == nil, last.from < number else { return }
        intervals[intervals.count - 1].to = number
        self.intervals[group] = intervals
    }

    /// Forgets a group with all its intervals.
    mutating func forget(_ group: AudienceName) { self.intervals[group] = nil }

    /// Removes the intervals that end at or before `number`.
    public mutating func prune(through number: UInt64) {
        guard self.intervals.values.contains(where: { $0.contains { ($0.to ?? .max) <= number } }) else { return }
        self.intervals = self.intervals.compactMapValues { intervals in
            let kept = intervals.filter { ($0.to ?? .max) > number }
            return kept.isEmpty ? nil : kept
        }
    }

    /// For each group that counts above `number`, the lowest beginning of its intervals.
    func beginnings(above number: UInt64) -> [AudienceName: UInt64] {
        self.intervals.compactMapValues { $0.lazy.filter { ($0.to ?? .max) > number }.map(\.from).min() }
    }
}
