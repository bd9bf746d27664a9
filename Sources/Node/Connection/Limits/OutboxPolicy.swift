/// How much may wait for one client, before it is a slow consumer. Pure.
///
/// A message that alone is larger than the client's share may wait: another client can say such a one, since JSON may be six
/// times its text.
struct OutboxPolicy {
    private let maximumBytes: Int
    /// Bytes of the largest message that waits, where it is larger than what may wait.
    private var oversize = 0

    init(maximumBytes: Int) {
        self.maximumBytes = maximumBytes
    }

    /// Bytes that may wait when more is written.
    var allowance: Int { self.maximumBytes + self.oversize }

    /// So many more bytes wait.
    /// - Parameter wasWritable: little or nothing waited before.
    mutating func queued(bytes: Int, wasWritable: Bool) {
        if wasWritable { self.oversize = 0 }
        if bytes > self.maximumBytes { self.oversize = max(self.oversize, bytes) }
    }
}
