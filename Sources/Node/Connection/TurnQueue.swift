import NIOCore

/// The connections of one event loop that have more work than fits into one turn. They take turns in order, so that no client
/// delays the others. Belongs to the loop.
///
/// Turns run for at most ``runTime`` without a break. Then the loop gets the same time for other work, beginning with the input
/// of its other connections, and the time for the work that the turns have caused.
final class TurnQueue {
    /// Maximum time for turns without a break: 1 ms. A turn is not interrupted, so one very large message may take longer.
    static let runTime = TimeAmount.milliseconds(1)
    /// Minimum break: 100 us, so that the loop polls its sockets.
    static let minimumPause = TimeAmount.microseconds(100)

    /// Budget for clients of the loop that have disconnected. Their turns are in this queue as well.
    let leftovers: LeftoverBudget
    private let eventLoop: any EventLoop
    private var waiting = CircularBuffer<Entry>()
    private var isScheduled = false
    /// Work of the loop that turns without a break have caused, and that is done after them.
    private var laterWork = TimeAmount.zero

    private enum Entry {
        case turn(() -> Void)
        /// The next turn of an HTTP/2 connection.
        case next(of: StreamTurns)
    }

    init(eventLoop: any EventLoop, leftovers: LeftoverBudget = LeftoverBudget()) {
        self.eventLoop = eventLoop
        self.leftovers = leftovers
    }

    /// - Parameters:
    ///   - streams: the HTTP/2 connection that the turn is part of. All its streams together get one turn at a time.
    ///   - turn: called once, on the event loop, after this has returned.
    func append(of streams: StreamTurns? = nil, _ turn: @escaping () -> Void) {
        self.eventLoop.preconditionInEventLoop()
        if let streams {
            if streams.append(turn) { self.waiting.append(.next(of: streams)) }
        } else {
            self.waiting.append(.turn(turn))
        }
        self.schedule(after: Self.minimumPause)
    }

    /// Call in a turn that causes work of the loop which is done after it, such as a request. The work counts for ``runTime``.
    func causedWork(_ time: TimeAmount) { self.laterWork = self.laterWork + time }

    private func schedule(after pause: TimeAmount) {
        guard !self.isScheduled, !self.waiting.isEmpty else { return }
        self.isScheduled = true
        // A task that is due at once would run before the loop polls its sockets again.
        self.eventLoop.assumeIsolated().scheduleTask(in: pause) { self.run() }
    }

    private func run() {
        let start = self.eventLoop.now
        var elapsed = TimeAmount.zero
        self.laterWork = .zero
        while elapsed + self.laterWork < Self.runTime, let entry = self.waiting.popFirst() {
            switch entry {
            case .turn(let turn): turn()
            case .next(let streams): if streams.takeTurn() { self.waiting.append(entry) }
            }
            elapsed = self.eventLoop.now - start
        }
        self.isScheduled = false
        self.schedule(after: max(elapsed, Self.minimumPause) + self.laterWork)
    }
}

@available(*, unavailable)
extension TurnQueue: Sendable {}
