import NIOConcurrencyHelpers
import NIOCore
import VolaryBackplane

/// Limits the log lines of each kind per second. The next line of a kind reports how many were left out. Used from any thread.
final class LogSampler<Kind: Hashable & Sendable>: Sendable {
    private let maximumPerSecond: Int
    private let now: @Sendable () -> NIODeadline
    private let kinds = NIOLockedValueBox<[Kind: LogThrottle]>([:])

    /// - Parameter maximumPerSecond: lines of one kind. Default 5: enough to see that an event continues, without flooding the
    ///   log.
    init(maximumPerSecond: Int = 5, now: @escaping @Sendable () -> NIODeadline) {
        self.maximumPerSecond = maximumPerSecond
        self.now = now
    }

    /// - Parameter kind: must be from a bounded set, because every kind is kept.
    /// - Returns: nil when the line must be left out; otherwise the number of lines left out since the last one.
    func take(_ kind: Kind) -> Int? {
        let now = self.now()
        let start = LogThrottle(interval: .seconds(1), maximumLines: self.maximumPerSecond)
        return self.kinds.withLockedValue { $0[kind, default: start].occurred(at: now) }.map { $0 - 1 }
    }
}
