import VolaryProtocol

/// The connections of an audience that did not take a fan-out.
struct FanOutMisses: Sendable {
    /// Ids that are kept of those that are closed: 16.
    static let maximumIDs = 16

    /// Left out by the sender: excluded, or not meant by the filter.
    var excluded: UInt32 = 0
    /// Their protocol has no message for it.
    var withoutMessage: UInt32 = 0
    /// Closing, or just closed as slow consumers.
    private(set) var closed: UInt32 = 0
    /// The first of them.
    private(set) var closedIDs: [ConnectionID] = []

    var isEmpty: Bool { self.excluded == 0 && self.withoutMessage == 0 && self.closed == 0 }

    /// The connection was asked to send the fan-out, and did not. Not inlined: deliveries come here rarely.
    @inline(never)
    mutating func missed(_ connection: Connection) {
        guard !connection.isOpen else {
            self.withoutMessage += 1
            return
        }
        self.closed += 1
        if self.closedIDs.count < Self.maximumIDs { self.closedIDs.append(connection.id) }
    }

    mutating func add(_ other: FanOutMisses) {
        self.excluded += other.excluded
        self.withoutMessage += other.withoutMessage
        self.closed += other.closed
        self.closedIDs += other.closedIDs.prefix(Self.maximumIDs - self.closedIDs.count)
    }
}
