public import VolaryProtocol

/// How many groups one connection may be in. A presence store does not check it; a caller that adds a connection to a group does. A
/// session store enforces ``maximum``.
public struct GroupLimits: Hashable, Sendable {
    /// 64 groups, which make at most 129 index entries, and 16 KiB of names, 256 bytes for each. A connection then takes at most 64
    /// KiB of the store, in the longest encoding of names.
    public static let standard = GroupLimits(groups: 64, bytes: 16 * 1024)
    /// The most that a store accepts: 2,048 groups and 64 KiB of names, 32 bytes for each. A connection then takes at most 4,097
    /// index entries and 256 KiB of the store.
    public static let maximum = GroupLimits(groups: 2048, bytes: 64 * 1024)

    public let groups: Int
    /// Bytes of the names of all groups together.
    public let bytes: Int

    /// - Parameters: at most those of ``maximum``.
    public init(groups: Int, bytes: Int) {
        precondition((0...2048).contains(groups) && (0...65_536).contains(bytes), "more groups than a store accepts")
        self.groups = groups
        self.bytes = bytes
    }

    /// Those of these groups that a connection may be in together, in order. Each that finds no room is left out.
    public func fitting(_ groups: [AudienceName]) -> [AudienceName] {
        var bytes = 0
        var fitting: [AudienceName] = []
        for group in groups where fitting.count < self.groups && bytes + group.byteCount <= self.bytes {
            fitting.append(group)
            bytes += group.byteCount
        }
        return fitting
    }

    /// Whether a connection that is in `groups` may join one more.
    public func hasRoom(for group: AudienceName, in groups: Set<AudienceName>) -> Bool {
        groups.count < self.groups && groups.reduce(group.byteCount) { $0 + $1.byteCount } <= self.bytes
    }
}
