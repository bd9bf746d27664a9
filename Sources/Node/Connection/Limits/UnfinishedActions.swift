/// Limits the unfinished actions of one client. Pure.
struct UnfinishedActions {
    /// Maximum of unfinished actions: 64. At this number the node stops handling the client's messages. 64 are enough to keep a
    /// client busy during one round trip to Redis, and few enough that other clients do not wait behind thousands of messages.
    static let maximum = 64
    /// Number of unfinished actions at which handling resumes: 32, half of the maximum, so that replies leave in batches.
    static let resuming = 32
    /// Maximum of bytes in their messages, plus ``overheadBytes`` each: 1 MiB, exceeded by at most one message. Handling
    /// resumes at half.
    static let maximumBytes = 1024 * 1024
    /// Bytes counted for each action in addition to its payload, as in the broker: 256.
    static let overheadBytes = 256

    private var count = 0
    private var bytes = 0
    /// Whether a maximum has been reached and handling has not resumed.
    private(set) var isFull = false
    /// Whether the next message has to wait for the end of one of the actions.
    private var isAwaited = false

    mutating func began(bytes: Int) {
        self.count += 1
        self.bytes += bytes + Self.overheadBytes
        if self.count >= Self.maximum || self.bytes >= Self.maximumBytes { self.isFull = true }
    }

    /// Handling stops until an action ends, although there may be room for more. Does nothing without an unfinished action.
    mutating func awaitsNext() {
        guard self.count > 0 else { return }
        self.isFull = true
        self.isAwaited = true
    }

    /// - Returns: whether handling of the client's messages resumes.
    mutating func ended(bytes: Int) -> Bool {
        self.count -= 1
        self.bytes -= bytes + Self.overheadBytes
        let hasRoom = self.count <= Self.resuming && self.bytes <= Self.maximumBytes / 2
        guard self.isFull, hasRoom || self.isAwaited else { return false }
        self.isAwaited = false
        self.isFull = false
        return true
    }
}
