import NIOCore

/// So much in a second, and at most one second's worth at once. Pure.
///
/// What costs more than the bucket holds passes only when it is full, and leaves a debt: a rate below the size of a large message
/// slows it down, and does not forbid it.
struct TokenBucket: Hashable, Sendable {
    private static let nanosecondsPerSecond = 1_000_000_000

    /// What one second brings, and the most there can be.
    let perSecond: Int
    /// In billionths of a token, so that no time is lost to rounding.
    private var level: Int
    private var filledAt: NIODeadline

    /// Full.
    /// - Parameter perSecond: 1 to 1,000,000,000.
    init(perSecond: Int, now: NIODeadline) {
        precondition((1...1_000_000_000).contains(perSecond), "perSecond is out of range")
        self.perSecond = perSecond
        self.level = perSecond * Self.nanosecondsPerSecond
        self.filledAt = now
    }

    /// - Parameter cost: at most 2^32.
    /// - Returns: false when there is not enough; nothing is taken then.
    mutating func take(_ cost: Int, now: NIODeadline) -> Bool {
        self.fill(now)
        let cost = cost * Self.nanosecondsPerSecond
        guard self.level >= min(cost, self.perSecond * Self.nanosecondsPerSecond) else { return false }
        self.level -= cost
        return true
    }

    private mutating func fill(_ now: NIODeadline) {
        guard now > self.filledAt else { return }
        let full = self.perSecond * Self.nanosecondsPerSecond
        // A token takes at most one second: what is missing is there after this many nanoseconds, rounded up.
        let missing = full - self.level
        let elapsed = (now - self.filledAt).nanoseconds
        if elapsed >= Int64((missing + self.perSecond - 1) / self.perSecond) {
            self.level = full
        } else {
            self.level += Int(elapsed) * self.perSecond
        }
        self.filledAt = now
    }
}
