import NIOCore

/// Whether an event loop waits for a moment before a fan-out, so that what comes meanwhile leaves in the same write. Pure.
///
/// A write costs the kernel the same for one small message and for fifty. A loop is busy for twice as long as its last fan-out
/// took; it gains from waiting a little then, if more comes in that time. That is known where less than half is due of what a
/// fan-out before had: publishers that go on when they see their messages fall apart into a few that lead and many that follow,
/// and a wait brings them together again. Else it shows only by trying: a wait that gained nothing is followed by fan-outs
/// without one, up to ``longestTrust`` of them. A loop that is not busy never waits.
struct FanOutCoalescing {
    /// What a message may wait at most: as long as the last fan-out took, and no more than 2 ms.
    static let longestWait = TimeAmount.milliseconds(2)
    /// Shorter fan-outs, some tens of writes, are not worth a timer.
    private static let shortestFanOut = TimeAmount.microseconds(200)
    /// Fan-outs in a row that do without a trial.
    private static let longestTrust = 16

    private enum Wait {
        /// For the rest of what came together before.
        case rest
        /// To see whether more comes than was due as it began.
        case trial(due: Int)
    }

    /// The loop is busy until then.
    private var busyUntil = NIODeadline.uptimeNanoseconds(0)
    private var length = TimeAmount.zero
    /// What the last two fan-outs had, in bytes.
    private var sizes = (last: 0, before: 0)
    /// Fan-outs to come without a trial.
    private var withoutTrial = 0
    private var trust = 1
    private var underWay: Wait?

    /// Called when fan-outs are due, and again at the end of a wait.
    /// - Parameter due: their bytes.
    /// - Returns: when to call again; nil: begin now.
    mutating func wait(now: NIODeadline, due: Int) -> NIODeadline? {
        if let underWay = self.underWay {
            self.underWay = nil
            if case .trial(let before) = underWay { self.tried(gained: due > before) }
            return nil
        }
        guard now < self.busyUntil else { return nil }
        if due <= max(self.sizes.last, self.sizes.before) / 2 {
            self.underWay = .rest
        } else if self.withoutTrial == 0 {
            self.underWay = .trial(due: due)
        } else {
            self.withoutTrial -= 1
            return nil
        }
        return now + self.length
    }

    private mutating func tried(gained: Bool) {
        self.trust = gained ? 1 : min(2 * self.trust, Self.longestTrust)
        self.withoutTrial = gained ? 0 : self.trust
    }

    mutating func fannedOut(bytes: Int, from start: NIODeadline, to end: NIODeadline) {
        let took = end - start
        guard took >= Self.shortestFanOut else { return }
        self.sizes = (bytes, self.sizes.last)
        self.busyUntil = end + took * 2
        self.length = min(took, Self.longestWait)
    }
}
