/// Limits the unsent bytes of one client. A client above the limit is a slow consumer. Pure.
///
/// A single message larger than the limit may be queued. Another client can send such a message, because escaping in JSON makes
/// a text up to six times longer.
struct OutboxPolicy {
    private let maximumBytes: Int
    /// Size of the largest queued message, if it is larger than the limit; otherwise 0.
    private var oversize = 0

    init(maximumBytes: Int) {
        self.maximumBytes = maximumBytes
    }

    /// Maximum of unsent bytes before a write.
    var allowance: Int { self.maximumBytes + self.oversize }

    /// Call when `bytes` bytes have been queued.
    /// - Parameter wasWritable: whether the channel was writable before, that is, little or nothing was queued.
    mutating func queued(bytes: Int, wasWritable: Bool) {
        if wasWritable { self.oversize = 0 }
        if bytes > self.maximumBytes { self.oversize = max(self.oversize, bytes) }
    }
}
