import NIOCore

/// Whether an event loop waits for a moment before a fan-out, so that what comes meanwhile leaves in the same write. Pure.
///
/// A write costs the kernel the same for one small message and for fifty. A loop that spent more time on its last fan-out than it had until
/// the next is busy, and gains from waiting a little, if more comes in that time. Whether more comes shows only by trying: a wait that
/// gained nothing is followed by fan-outs without one, up to ``longestTrust`` of them. A loop that is not busy never waits.
struct FanOutPace {
    /// What a message may wait at most: as long as the last fan-out took, and no more than 2 ms.
    static let longestWait = TimeAmount.milliseconds(2)
    /// Shorter fan-outs, some tens of writes, are not worth a timer.
    private static let shortestFanOut = TimeAmount.microseconds(200)
    /// Fan-outs in a row that do without a wait.
    private static let longestTrust = 16

    /// The loop is busy until then.
    private var busyUntil = NIODeadline.uptimeNanoseconds(0)
    private var wait = TimeAmount.zero
    /// Fan-outs to come without a wait.
    private var withoutWait = 0
    private var trust = 1
    /// How many there were as the wait under way began; nil when none is.
    private var dueBefore: Int?

    /// Called when fan-outs are due, and again at the end of a wait.
    /// - Parameter due: how many.
    /// - Returns: when to call again; nil: begin now.
    mutating func wait(now: NIODeadline, due: Int) -> NIODeadline? {
        if let before = self.dueBefore {
            self.dueBefore = nil
            self.trust = due > before ? 1 : min(2 * self.trust, Self.longestTrust)
            self.withoutWait = due > before ? 0 : self.trust
            return nil
        }
        guard now < self.busyUntil else { return nil }
        guard self.withoutWait == 0 else {
            self.withoutWait -= 1
            return nil
        }
        self.dueBefore = due
        return now + self.wait
    }

    mutating func fannedOut(from start: NIODeadline, to end: NIODeadline) {
        let took = end - start
        guard took >= Self.shortestFanOut else { return }
        self.busyUntil = end + took
        self.wait = min(took, Self.longestWait)
    }
}
