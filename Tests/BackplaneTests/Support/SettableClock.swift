import NIOConcurrencyHelpers

/// A clock that stands still until a test moves it. Nobody sleeps by it.
final class SettableClock: Clock, Sendable {
    struct Instant: InstantProtocol {
        /// Since the clock was made.
        var elapsed = Duration.zero

        func advanced(by duration: Duration) -> Instant { Instant(elapsed: self.elapsed + duration) }
        func duration(to other: Instant) -> Duration { other.elapsed - self.elapsed }
        static func < (left: Instant, right: Instant) -> Bool { left.elapsed < right.elapsed }
    }

    private let time = NIOLockedValueBox(Instant())

    var now: Instant { self.time.withLockedValue { $0 } }
    var minimumResolution: Duration { .zero }

    func advance(by duration: Duration) {
        self.time.withLockedValue { $0 = $0.advanced(by: duration) }
    }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        preconditionFailure("what is tested only reads the time")
    }
}
