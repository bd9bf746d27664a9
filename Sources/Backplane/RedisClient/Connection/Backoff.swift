/// The pause before each attempt: exponential, with full jitter.
struct Backoff: Hashable, Sendable {
    let minimum: Duration
    let maximum: Duration

    /// The largest pause before attempt number `attempt`, counted from 0: doubled each time, up to the maximum.
    func ceiling(attempt: Int) -> Duration {
        // 2^20 times any sensible minimum is above any sensible maximum.
        min(self.minimum * (1 << min(max(attempt, 0), 20)), self.maximum)
    }

    /// - Parameter random: from 0 to 1.
    func pause(attempt: Int, random: Double) -> Duration { self.ceiling(attempt: attempt) * random }
}
