import NIOConcurrencyHelpers
import NIOCore
import VolaryBackplane

/// Bounds the lines that a flood writes: of each kind so many a second, and the number of those left out with the next one. From any thread.
final class LogSampler<Kind: Hashable & Sendable>: Sendable {
    private let maximumPerSecond: Int
    private let now: @Sendable () -> NIODeadline
    private let kinds = NIOLockedValueBox<[Kind: LogThrottle]>([:])

    /// - Parameter maximumPerSecond: lines of one kind. 5: enough to see that it goes on, and little beside the rest of a log.
    init(maximumPerSecond: Int = 5, now: @escaping @Sendable () -> NIODeadline) {
        self.maximumPerSecond = maximumPerSecond
        self.now = now
    }

    /// - Parameter kind: one of a fixed set: each that was ever asked for is kept.
    /// - Returns: nil when there is to be no line; else how many were left out since the last one.
    func take(_ kind: Kind) -> Int? {
        let now = self.now()
        let start = LogThrottle(interval: .seconds(1), maximumLines: self.maximumPerSecond)
        return self.kinds.withLockedValue { $0[kind, default: start].occurred(at: now) }.map { $0 - 1 }
    }
}
