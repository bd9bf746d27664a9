import NIOCore

/// Decides whether an event loop waits for a moment before a fan-out, so that publications that arrive meanwhile are sent in
/// the same write. Pure.
///
/// A write of one small message costs the kernel as much as a write of fifty. A loop counts as busy for twice the time of its
/// last fan-out. Only a busy loop waits, and only in two cases:
///
/// - At most half as many bytes are due as in the larger of the last two fan-outs. Publishers that send when they see their own
///   messages split into a few that lead and many that follow; a wait brings them together again.
/// - As a trial, to see whether more bytes arrive. After each unsuccessful trial the next fan-outs do not wait; their number
///   doubles each time, up to ``longestTrust``. After a successful trial the next fan-out is a trial again.
struct FanOutCoalescing {
    /// Maximum wait of a message: 2 ms. A wait takes as long as the last fan-out, up to this maximum.
    static let longestWait = TimeAmount.milliseconds(2)
    /// Fan-outs shorter than this, with some tens of writes, are not worth a timer.
    private static let shortestFanOut = TimeAmount.microseconds(200)
    /// Maximum number of fan-outs in a row without a trial.
    private static let longestTrust = 16

    private enum Wait {
        /// Waits for the rest of the publications that arrived together before.
        case rest
        /// A trial: checks whether more bytes arrive than were due at its start.
        case trial(due: Int)
    }

    /// End of the time in which the loop counts as busy.
    private var busyUntil = NIODeadline.uptimeNanoseconds(0)
    private var length = TimeAmount.zero
    /// Bytes of the last two fan-outs.
    private var sizes = (last: 0, before: 0)
    /// Number of fan-outs until the next trial.
    private var withoutTrial = 0
    private var trust = 1
    private var underWay: Wait?

    /// Call when fan-outs are due, and again at the end of a wait.
    /// - Parameter due: bytes of these fan-outs.
    /// - Returns: when to call again; nil to begin now.
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
