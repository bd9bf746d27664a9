import NIOCore

/// A token bucket that holds the tokens of one second. Pure.
///
/// A request for more tokens than the bucket holds succeeds only when the bucket is full, and makes its level negative. So a
/// rate below the size of a large message delays the message and does not forbid it.
struct TokenBucket: Hashable, Sendable {
    private static let nanosecondsPerSecond = 1_000_000_000

    /// Tokens added per second, and the capacity of the bucket.
    let perSecond: Int
    /// Level in billionths of a token, so that rounding loses no time.
    private var level: Int
    private var filledAt: NIODeadline

    /// A full bucket.
    /// - Parameter perSecond: 1 to 1,000,000,000.
    init(perSecond: Int, now: NIODeadline) {
        precondition((1...1_000_000_000).contains(perSecond), "perSecond is out of range")
        self.perSecond = perSecond
        self.level = perSecond * Self.nanosecondsPerSecond
        self.filledAt = now
    }

    /// Takes tokens.
    /// - Parameter cost: tokens, at most 2^32.
    /// - Returns: false when there are too few tokens; none are taken in that case.
    mutating func take(_ cost: Int, now: NIODeadline) -> Bool {
        self.fill(now)
        let cost = cost * Self.nanosecondsPerSecond
        guard self.level >= min(cost, self.perSecond * Self.nanosecondsPerSecond) else { return false }
        self.level -= cost
        return true
    }

    /// Whether the bucket is as good as a new one.
    mutating func isFull(now: NIODeadline) -> Bool {
        self.fill(now)
        return self.level == self.perSecond * Self.nanosecondsPerSecond
    }

    private mutating func fill(_ now: NIODeadline) {
        guard now > self.filledAt else { return }
        let full = self.perSecond * Self.nanosecondsPerSecond
        // One token takes at most one second, so the bucket is full after this number of nanoseconds, rounded up.
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
