import NIOCore

/// Decides when a node sends itself a canary through Redis, and when the canary is overdue. No clock, no I/O.
///
/// A canary is sent every half interval, and may take one interval to come back. So a silent failure is detected within one and
/// a half intervals, and a new link is up within two. Only the time in which the event loop ran counts, because a suspended
/// node says nothing about Redis.
struct CanaryStateMachine {
    enum Action: Hashable {
        case none
        /// Subscribe to the channel; ``subscribed()`` follows.
        case listen
        case send(UInt64)
        /// The last canary did not come back in time.
        case overdue
    }

    private enum State: Hashable {
        case unlinked
        case listening
        case resting
        case underWay(UInt64)
    }

    /// While other messages arrive, a canary may take 4 intervals: the path is slow, not broken, and reconnecting would discard
    /// the backlog.
    static let maximumOverdueIntervals = 4

    let interval: TimeAmount
    /// Whether a canary has come back since both links came up.
    private(set) var isProven = false
    private var state = State.unlinked
    private var number: UInt64 = 0
    /// Time since the last canary was sent.
    private var age = TimeAmount.zero
    /// Time since the last message arrived.
    private var silence = TimeAmount.zero

    init(interval: TimeAmount) {
        self.interval = interval
    }

    /// How often to call ``tick(elapsed:)``.
    var step: TimeAmount { .nanoseconds(max(self.interval.nanoseconds / 16, 1)) }

    /// Call when both links are up.
    mutating func linked() -> Action {
        self.state = .listening
        return .listen
    }

    /// Call when a link was lost.
    mutating func unlinked() {
        self.state = .unlinked
        self.isProven = false
    }

    /// Call when the subscription is confirmed.
    mutating func subscribed() -> Action {
        self.state == .listening ? self.next() : .none
    }

    /// - Parameter elapsed: time since the last call. If it is much longer than a step, the event loop did not run.
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

    /// - Returns: whether the number is that of the pending canary.
    mutating func received(_ number: UInt64) -> Bool {
        guard self.state == .underWay(number) else { return false }
        self.state = .resting
        self.isProven = true
        return true
    }

    /// Call when Redis answered the canary with an error. The path is not broken, and the next canary may succeed.
    mutating func wasRefused() {
        guard case .underWay = self.state else { return }
        self.state = .resting
        self.isProven = false
    }

    /// Call when a message of another topic arrived. (An answer to PING says nothing about messages.)
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
