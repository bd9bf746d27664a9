import NIOCore

/// Whether an event loop rests for a moment between two fan-outs, so that what comes meanwhile leaves in the same write. Pure.
///
/// A write costs the kernel the same for one small message and for fifty. A loop that is asked for the next fan-out right after one is
/// behind, and gains from resting a little, if more comes in that time. Whether more comes shows only by trying: a rest that gained
/// nothing is followed by fan-outs without one, up to ``longestTrust`` of them. A loop that is not behind never rests.
struct FanOutPace {
    /// Of the time that the last fan-out took, and at most ``longestRest``.
    private static let share: Int64 = 4
    /// What a message may wait at most: 1 ms, a fraction of what its fan-out then takes.
    static let longestRest = TimeAmount.milliseconds(1)
    /// Shorter fan-outs, some tens of writes, are not worth a timer.
    private static let shortestFanOut = TimeAmount.microseconds(200)
    /// Fan-outs in a row that do without a rest.
    private static let longestTrust = 8

    private var restsUntil = NIODeadline.uptimeNanoseconds(0)
    /// Fan-outs to come without a rest.
    private var withoutRest = 0
    private var trust = 1
    /// What was waiting as the rest under way began; nil when none is.
    private var waitingBefore: Int?

    /// Called with each fan-out that is due.
    /// - Parameter waiting: how many there are.
    /// - Returns: when to begin with it; nil for now.
    mutating func rest(now: NIODeadline, waiting: Int) -> NIODeadline? {
        if let before = self.waitingBefore {
            self.waitingBefore = nil
            self.trust = waiting > before ? 1 : min(2 * self.trust, Self.longestTrust)
            self.withoutRest = waiting > before ? 0 : self.trust
            return nil
        }
        guard now < self.restsUntil else { return nil }
        guard self.withoutRest == 0 else {
            self.withoutRest -= 1
            return nil
        }
        self.waitingBefore = waiting
        return self.restsUntil
    }

    mutating func fannedOut(from start: NIODeadline, to end: NIODeadline) {
        let took = end - start
        guard took >= Self.shortestFanOut else { return }
        self.restsUntil = end + min(.nanoseconds(took.nanoseconds / Self.share), Self.longestRest)
    }
}
