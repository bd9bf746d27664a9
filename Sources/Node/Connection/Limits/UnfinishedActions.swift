/// How many actions of one client may be under way, and when it may go on. Pure.
struct UnfinishedActions {
    /// Actions of one client that may be on their way to the broker before the node stops handling what this client sends: 64, so
    /// that one round trip to Redis does not stall a client, and others do not wait behind thousands of one's messages.
    static let maximum = 64
    /// Then so many must be done before it goes on: half of them, so that their replies leave together as well.
    static let resuming = 32
    /// Bytes of their messages, with ``overheadBytes`` for each: 1 MiB and one message. Then half of that must be done, too.
    static let maximumBytes = 1024 * 1024
    /// Counted for each beside its payload, as the broker does: 256.
    static let overheadBytes = 256

    private var count = 0
    private var bytes = 0
    /// Whether there are too many of them.
    private(set) var isFull = false

    mutating func began(bytes: Int) {
        self.count += 1
        self.bytes += bytes + Self.overheadBytes
        if self.count >= Self.maximum || self.bytes >= Self.maximumBytes { self.isFull = true }
    }

    /// - Returns: whether the client may go on now, and could not before.
    mutating func ended(bytes: Int) -> Bool {
        self.count -= 1
        self.bytes -= bytes + Self.overheadBytes
        guard self.isFull, self.count <= Self.resuming, self.bytes <= Self.maximumBytes / 2 else { return false }
        self.isFull = false
        return true
    }
}
