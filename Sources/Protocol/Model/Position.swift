/// A place in the total order of a hub. Positions of one epoch are ordered by their numbers; a later epoch follows all earlier ones.
///
/// Numbers rise by at least one with each script that takes one, and jump when an epoch begins. They are not dense.
public struct Position: Hashable, Sendable {
    /// Names one history of the store. A promoted replica, a restart or a lost head begin another one, with a higher epoch.
    public let epoch: UInt64
    public let number: UInt64

    public init(epoch: UInt64, number: UInt64) {
        self.epoch = epoch
        self.number = number
    }
}

extension Position: Comparable {
    public static func < (left: Position, right: Position) -> Bool { (left.epoch, left.number) < (right.epoch, right.number) }
}

extension Position: LosslessStringConvertible {
    /// The epoch and the number in decimal digits, with a hyphen between them: `1781330400000-13`.
    public var description: String { "\(self.epoch)-\(self.number)" }

    public init?(_ description: String) {
        let parts = description.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let epoch = UInt64(parts[0]), let number = UInt64(parts[1]) else { return nil }
        self.init(epoch: epoch, number: number)
        // Neither signs nor leading zeros.
        guard self.description == description else { return nil }
    }
}
