import NIOCore

/// The connections of one event loop that have more work than fits into one turn. They take turns in order, so that no client
/// delays the others. Belongs to the loop.
///
/// Turns run for at most ``runTime`` without a break. Then the loop gets the same time for other work, beginning with the input
/// of its other connections, and the time for the work that the turns have caused.
///
/// Deliveries that are too long for one turn come before the turns of clients: what clients send leads to deliveries, and must not
/// arrive faster than it is delivered. They pause for ``minimumPause`` only.
final class TurnQueue {
    /// Maximum time for turns without a break: 1 ms. A turn is not interrupted, so one very large message may take longer.
    static let runTime = TimeAmount.milliseconds(1)
    /// Minimum break: 100 us, so that the loop polls its sockets.
    static let minimumPause = TimeAmount.microseconds(100)

    /// The longest time without a turn of a client while there are deliveries: 100 ms.
    static let longestWait = TimeAmount.milliseconds(100)

    /// Budget for clients of the loop that have disconnected. Their turns are in this queue as well.
    let leftovers: LeftoverBudget
    private let eventLoop: any EventLoop
    private var waiting = CircularBuffer<Entry>()
    private var isScheduled = false
    /// Work of the loop that turns without a break have caused, and that is done after them.
    private var laterWork = TimeAmount.zero
    /// Work that comes before the turns of clients.
    private var delivery: (() -> Bool)?
    /// When a client had a turn, or none waited for one.
    private var lastTurn = NIODeadline.uptimeNanoseconds(0)

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

    /// Delivers in turns. Call again only when all is delivered.
    /// - Parameter turn: delivers for one turn, at most ``runTime``. Returns whether all is delivered.
    func deliver(_ turn: @escaping () -> Bool) {
        self.eventLoop.preconditionInEventLoop()
        self.delivery = turn
        self.schedule(after: Self.minimumPause)
    }

    /// Call in a turn that causes work of the loop which is done after it, such as a request. The work counts for ``runTime``.
    func causedWork(_ time: TimeAmount) { self.laterWork = self.laterWork + time }

    private func schedule(after pause: TimeAmount) {
        guard !self.isScheduled, !self.waiting.isEmpty || self.delivery != nil else { return }
        self.isScheduled = true
        // A task that is due at once would run before the loop polls its sockets again.
        self.eventLoop.assumeIsolated().scheduleTask(in: pause) { self.run() }
    }

    private func run() {
        let start = self.eventLoop.now
        var elapsed = TimeAmount.zero
        self.laterWork = .zero
        if !self.hasDeliveries(before: start) { elapsed = self.takeTurns(from: start) }
        self.isScheduled = false
        self.schedule(after: max(elapsed, Self.minimumPause) + self.laterWork)
    }

    /// Takes turns of clients.
    /// - Returns: the time that they took.
    private func takeTurns(from start: NIODeadline) -> TimeAmount {
        self.lastTurn = start
        var elapsed = TimeAmount.zero
        while elapsed + self.laterWork < Self.runTime, let entry = self.waiting.popFirst() {
            switch entry {
            case .turn(let turn): turn()
            case .next(let streams): if streams.takeTurn() { self.waiting.append(entry) }
            }
            elapsed = self.eventLoop.now - start
        }
        return elapsed
    }

    /// Delivers for one turn, if something is to be delivered and no client has waited for too long.
    private func hasDeliveries(before start: NIODeadline) -> Bool {
        if self.waiting.isEmpty { self.lastTurn = start }
        guard let delivery, start - self.lastTurn < Self.longestWait else { return false }
        // A delivery may begin the next one.
        self.delivery = nil
        if !delivery() { self.delivery = delivery }
        return true
    }
}

@available(*, unavailable)
extension TurnQueue: Sendable {}
