import NIOCore

/// Which pings of one read are answered. Pure.
struct PingReplies {
    /// Pings of one read that are answered one by one: 64. Of those beyond only the newest is (RFC 6455 section 5.5.3).
    static let maximum = 64

    private var count = 0
    /// The newest ping that is still to be answered.
    private var unanswered: ByteBuffer?

    /// A read begins.
    mutating func reset() { (self.count, self.unanswered) = (0, nil) }

    /// - Returns: the ping, if it is to be answered now.
    mutating func received(_ ping: ByteBuffer) -> ByteBuffer? {
        self.count += 1
        if self.count <= Self.maximum { return ping }
        self.unanswered = ping
        return nil
    }

    /// All of the read is handled.
    /// - Returns: the ping that is to be answered then.
    mutating func takeUnanswered() -> ByteBuffer? { self.unanswered.take() }
}
