import NIOConcurrencyHelpers
import NIOCore

/// Bounds the lines that a flood writes: of each kind so many a second, and the number of those left out with the next one.
final class LogSampler: Sendable {
    private struct Second {
        var start: NIODeadline
        var lines = 0
        var suppressed = 0
    }

    private let maximumPerSecond: Int
    private let now: @Sendable () -> NIODeadline
    private let seconds: NIOLockedValueBox<[Second]>

    /// - Parameters:
    ///   - kinds: how many there are.
    ///   - maximumPerSecond: lines of one kind. 5: enough to see that it goes on, and little beside the rest of a log.
    init(kinds: Int, maximumPerSecond: Int = 5, now: @escaping @Sendable () -> NIODeadline) {
        self.maximumPerSecond = maximumPerSecond
        self.now = now
        self.seconds = NIOLockedValueBox(Array(repeating: Second(start: now()), count: kinds))
    }

    /// - Parameter kind: less than the number of kinds.
    /// - Returns: nil when there is to be no line; else how many were left out since the last one.
    func take(_ kind: Int) -> Int? {
        let now = self.now()
        return self.seconds.withLockedValue { seconds in
            if now - seconds[kind].start >= .seconds(1) {
                seconds[kind].start = now
                seconds[kind].lines = 0
            }
            guard seconds[kind].lines < self.maximumPerSecond else {
                seconds[kind].suppressed += 1
                return nil
            }
            seconds[kind].lines += 1
            defer { seconds[kind].suppressed = 0 }
            return seconds[kind].suppressed
        }
    }
}
