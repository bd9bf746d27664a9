import NIOCore

/// When a node sends itself a canary through Redis, and when the canary counts as overdue. No clock, no I/O.
///
/// One is sent every half interval and has an interval to come back: a path that fails in silence is found within one and a half intervals, so
/// that a new link is up within two. Only time in which the event loop ran counts: a node that was suspended must not conclude that Redis was.
struct CanaryStateMachine {
    enum Action: Hashable {
        case none
        /// Subscribe to the channel; ``subscribed()`` follows.
        case listen
        case send(UInt64)
        /// The last canary has not come back in time.
        case overdue
    }

    private enum State: Hashable {
        case unlinked
        case listening
        case resting
        case underWay(UInt64)
    }

    /// While other messages arrive, a canary may take 4 intervals: the path is slow, not broken, and reconnecting would discard the backlog.
    static let maximumOverdueIntervals = 4

    let interval: TimeAmount
    /// Whether a canary has come back since both links are up.
    private(set) var isProven = false
    private var state = State.unlinked
    private var number: UInt64 = 0
    /// Since the last one was sent.
    private var age = TimeAmount.zero
    /// Since any message arrived.
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

    /// - Returns: whether it is the canary that is under way.
    mutating func received(_ number: UInt64) -> Bool {
        guard self.state == .underWay(number) else { return false }
        self.state = .resting
        self.isProven = true
        return true
    }

    /// Redis answered the canary with an error: the path is not broken, and the next one may pass.
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
