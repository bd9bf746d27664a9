/// Detects that a message that Redis has confirmed does not come back although both links are up and all topics are subscribed.
/// Pure.
///
/// In that case the subscriptions have to be made again.
struct LoopbackStallDetector {
    /// Number of consecutive checks, one per second, that must find the same oldest message: 10.
    static let checks = 10

    private var oldest: UInt64?
    private var count = 0

    /// - Parameters:
    ///   - oldest: the sequence of the oldest message that has not come back.
    ///   - firstUnconfirmed: the sequence of the oldest message that Redis has not confirmed.
    /// - Returns: whether messages are stalled. If so, counting begins again.
    mutating func check(oldest: UInt64?, firstUnconfirmed: UInt64) -> Bool {
        guard let oldest, firstUnconfirmed > oldest else {
            self = Self()
            return false
        }
        self.count = oldest == self.oldest ? self.count + 1 : 1
        self.oldest = oldest
        guard self.count > Self.checks else { return false }
        self = Self()
        return true
    }
}
