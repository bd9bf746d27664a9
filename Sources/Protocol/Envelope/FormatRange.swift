/// The formats that a node reads and writes. The highest is the one that it writes; what it writes, nodes of the lowest one can read.
public struct FormatRange: Hashable, Sendable, Codable {
    public let lowest: UInt8
    public let highest: UInt8

    /// Of this program.
    public static let own = FormatRange(lowest: EnvelopeCodec.lowestFormat, highest: EnvelopeCodec.format)
    /// The first format that has a range.
    public static let first = FormatRange(lowest: 2, highest: 2)

    public init(lowest: UInt8, highest: UInt8) {
        self.lowest = lowest
        self.highest = highest
    }

    /// Whether nodes of both can share a cluster: each reads what the other writes.
    public func overlaps(_ other: FormatRange) -> Bool { self.lowest <= other.highest && other.lowest <= self.highest }
}
