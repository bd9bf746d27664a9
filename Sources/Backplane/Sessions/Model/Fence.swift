public import VolaryProtocol

/// The fencing token of a session's owner: the position of its attach or claim. It is never given twice, also by a store that has
/// lost writes. Scripts compare it for equality; of two fences of a session, the higher one was given later.
public struct Fence: Hashable, Sendable {
    public let position: Position

    public init(_ position: Position) {
        self.position = position
    }
}

/// Up to where a client has acknowledged: exactly `delivered` publications up to `number` are for this connection.
public struct Checkpoint: Hashable, Sendable {
    /// A number of the hub's order.
    public var number: UInt64
    /// The dense number (`sequenceId`) of the last of these publications; 0 before the first.
    public var delivered: UInt64

    public init(number: UInt64, delivered: UInt64) {
        self.number = number
        self.delivered = delivered
    }
}

/// The start of an epoch.
public struct EpochStart: Hashable, Sendable {
    public let epoch: UInt64
    /// The highest number of the former epoch that survived, 0 if its head is gone. What was observed above it is lost.
    public let base: UInt64

    public init(epoch: UInt64, base: UInt64) {
        self.epoch = epoch
        self.base = base
    }
}
