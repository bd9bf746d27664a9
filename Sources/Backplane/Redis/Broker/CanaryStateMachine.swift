import NIOCore

/// When to send a message through Redis to oneself, and when to give up waiting for it (design decision 9). No clock, no I/O.
///
/// One goes out every half interval, and has an interval to come back: a path that dies in silence is found within one and a half, which
/// leaves the rest of two for a new one. Judges by time in which the event loop ran: a node that was itself stopped must not take its own
/// absence for Redis' silence.
struct CanaryStateMachine {
    enum Action: Hashable {
        case none
        /// Subscribe to the channel; ``subscribed()`` follows.
        case listen
        case send(UInt64)
        /// The last one has not come back in its time.
        case overdue
    }

    private enum State: Hashable {
        case unlinked
        case listening
        case resting
        case underWay(UInt64)
    }

    /// While others' messages come, the path is long, not dead: to give it up would lose the queue in it. So many intervals at most.
    static let maximumOverdueIntervals = 4

    let interval: TimeAmount
    /// Whether one has come back since the links are up.
    private(set) var isProven = false
    private var state = State.unlinked
    private var number: UInt64 = 0
    /// Since the last one was sent.
    private var age = TimeAmount.zero
    /// Since any message was heard.
    private var silence = TimeAmount.zero

    init(interval: TimeAmount) {
        self.interval = interval
    }

    /// How often to call ``tick(elapsed:)``.
    var step: TimeAmount { .nanoseconds(max(self.interval.nanoseconds / 16, 1)) }

    /// Both links are up.
    mutating func linked() -> Action {
        self.state = .listening
        return .listen
    }

    /// A link is lost.
    mutating func unlinked() {
        self.state = .unlinked
        self.isProven = false
    }

    /// The subscription is live.
    mutating func subscribed() -> Action {
        self.state == .listening ? self.next() : .none
    }

    /// - Parameter elapsed: since the last call. If it is much more than a step, the loop did not run.
    mutating func tick(elapsed: TimeAmount) -> Action {
        let passed = min(elapsed, self.step + self.step)
        self.age = self.age + passed
        self.silence = self.silence + passed
        switch self.state {
        case .unlinked, .listening: return .none
        case .resting: return self.age + self.age >= self.interval ? self.next() : .none
        case .underWay:
            guard self.silence >= self.interval || self.age >= self.interval * Self.maximumOverdueIntervals else { return .none }
            self.unlinked()
            return .overdue
        }
    }

    /// - Returns: whether it is the one that was waited for.
    mutating func received(_ number: UInt64) -> Bool {
        guard self.state == .underWay(number) else { return false }
        self.state = .resting
        self.isProven = true
        return true
    }

    /// Redis does not take it, and says so: the path is not dead. The next one may pass.
    mutating func wasRefused() {
        guard case .underWay = self.state else { return }
        self.state = .resting
        self.isProven = false
    }

    /// A message of another topic came. (An answered PING says nothing about messages.)
    mutating func otherMessageReceived() {
        self.silence = .zero
    }

    private mutating func next() -> Action {
        self.number += 1
        self.state = .underWay(self.number)
        self.age = .zero
        self.silence = .zero
        return .send(self.number)
    }
}
