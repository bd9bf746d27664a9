import NIOCore

/// Decides which pings of one read are answered. Pure.
struct PingReplies {
    /// Maximum of pings per read that are answered individually: 64. Of further pings only the newest is answered (RFC 6455
    /// section 5.5.3).
    static let maximum = 64

    private var count = 0
    /// The newest ping that has not been answered.
    private var unanswered: ByteBuffer?

    /// Starts a new read.
    mutating func reset() { (self.count, self.unanswered) = (0, nil) }

    /// - Returns: the ping, if it is to be answered now; nil if the answer is postponed to the end of the read.
    mutating func received(_ ping: ByteBuffer) -> ByteBuffer? {
        self.count += 1
        if self.count <= Self.maximum { return ping }
        self.unanswered = ping
        return nil
    }

    /// Call at the end of the read, when all of it is handled.
    /// - Returns: the ping to answer at that point.
    mutating func takeUnanswered() -> ByteBuffer? { self.unanswered.take() }
}
