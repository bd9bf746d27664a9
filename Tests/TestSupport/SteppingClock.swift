import NIOConcurrencyHelpers

/// A clock on which time passes by sleeping only: each sleep is over at once, after what the test wants to happen meanwhile.
public final class SteppingClock: Clock {
    public typealias Instant = ContinuousClock.Instant

    private struct State {
        var now = ContinuousClock.now
        var sleeps: [Duration] = []
        var duringSleep: @Sendable (_ number: Int) async -> Void = { _ in }
    }

    private let state = NIOLockedValueBox(State())

    public init() {}

    public var now: Instant { self.state.withLockedValue { $0.now } }
    public var minimumResolution: Duration { .zero }
    /// How long each was.
    public var sleeps: [Duration] { self.state.withLockedValue { $0.sleeps } }

    public func advance(by duration: Duration) { self.state.withLockedValue { $0.now += duration } }

    /// - Parameter action: called in each sleep from now on, with its number, counted from 1.
    public func duringSleep(_ action: @escaping @Sendable (Int) async -> Void) {
        self.state.withLockedValue { $0.duringSleep = action }
    }

    public func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let (number, action) = self.state.withLockedValue { state in
            state.sleeps.append(state.now.duration(to: deadline))
            state.now = max(state.now, deadline)
            return (state.sleeps.count, state.duringSleep)
        }
        await action(number)
    }
}
