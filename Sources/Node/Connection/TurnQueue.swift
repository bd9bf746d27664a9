import NIOCore

/// The connections of one event loop that have more to handle than one turn may: each gets its next turn here, one after the
/// other, so that none holds up its neighbours. Belongs to the loop.
///
/// Turns run for at most ``runTime`` at a stretch. Then the loop has as much time for everything else, its other connections'
/// input first.
final class TurnQueue {
    /// For turns at a stretch: 1 ms. A turn that has begun ends, so one message of the largest size may take longer.
    static let runTime = TimeAmount.milliseconds(1)
    /// Between two stretches, at least: 100 us, so that the loop looks at its sockets.
    static let minimumPause = TimeAmount.microseconds(100)

    /// Of the loop's clients that are gone, whose turns are taken as those of the others.
    let leftovers: LeftoverBudget
    private let eventLoop: any EventLoop
    private var waiting = CircularBuffer<() -> Void>()
    private var isScheduled = false

    init(eventLoop: any EventLoop, leftovers: LeftoverBudget = LeftoverBudget()) {
        self.eventLoop = eventLoop
        self.leftovers = leftovers
    }

    /// - Parameter turn: called once, on the event loop, not before this returns.
    func append(_ turn: @escaping () -> Void) {
        self.eventLoop.preconditionInEventLoop()
        self.waiting.append(turn)
        self.schedule(after: Self.minimumPause)
    }

    private func schedule(after pause: TimeAmount) {
        guard !self.isScheduled, !self.waiting.isEmpty else { return }
        self.isScheduled = true
        // A task that is due at once would run before the loop looks at its sockets again.
        self.eventLoop.assumeIsolated().scheduleTask(in: pause) { self.run() }
    }

    private func run() {
        let start = self.eventLoop.now
        var elapsed = TimeAmount.zero
        while elapsed < Self.runTime, let turn = self.waiting.popFirst() {
            turn()
            elapsed = self.eventLoop.now - start
        }
        self.isScheduled = false
        self.schedule(after: max(elapsed, Self.minimumPause))
    }
}

@available(*, unavailable)
extension TurnQueue: Sendable {}
