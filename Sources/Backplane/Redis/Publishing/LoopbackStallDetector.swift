/// Finds out that a message which Redis has confirmed does not come back, although both links are up and all topics arrive. Pure.
///
/// Something else than the path keeps it away then, and the subscriptions are to be made anew.
struct LoopbackStallDetector {
    /// So many checks in a row, one a second, find the same message oldest before it counts as stalled.
    static let checks = 10

    private var oldest: UInt64?
    private var count = 0

    /// - Parameters:
    ///   - oldest: the sequence of the oldest message that has not come back.
    ///   - firstUnconfirmed: the sequence of the oldest message that Redis has not confirmed.
    /// - Returns: whether it is stalled; counting begins again then.
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
