import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// Takes what callers have put into the inbox and hands it to ``MessagePublisher``, a turn's worth at a time. Belongs to one event loop.
final class PublishIntake {
    /// Pause between two turns, at least: 100 us.
    private static let minimumPause = TimeAmount.microseconds(100)
    /// Pause while a whole window waits for Redis: 2 ms, in which it answers some eighty messages.
    private static let windowPause = TimeAmount.milliseconds(2)

    private let context: BrokerContext
    private let subscriptions: TopicSubscriptions
    private let publisher: MessagePublisher
    /// Published to topics whose SUBSCRIBE is under way: see ``publishPending(untilConfirmed:)``.
    private var pending: PublishInbox
    private var isClosed = false

    /// - Parameter maximumBytes: that may wait for subscriptions.
    init(_ context: BrokerContext, _ subscriptions: TopicSubscriptions, _ publisher: MessagePublisher, maximumBytes: Int) {
        self.context = context
        self.subscriptions = subscriptions
        self.publisher = publisher
        self.pending = PublishInbox(maximumBytes: maximumBytes)
    }

    /// Messages that wait for a subscription.
    var waiting: Int { self.pending.count }

    /// Takes what has been published since the last time, a turn's worth of it; the rest in later turns of the loop.
    ///
    /// While a whole window waits in the outbox, where the order is settled, the rest stays where senders take turns.
    func takeInbox() {
        let start = NIODeadline.now()
        let isHeldBack = self.publisher.hasWindowWaiting
        let (turn, rest) = self.context.shared.inbox.withLockedValue { (isHeldBack ? [] : $0.takeTurn(), $0.count) }
        self.publish(turn)
        self.context.healthChanged()
        guard rest > 0 else { return }
        // A task that is due at once would run before the loop looks at its sockets again.
        let pause = isHeldBack ? Self.windowPause : max(.now() - start, Self.minimumPause)
        _ = self.context.schedule(in: pause) { [weak self] in self?.takeInbox() }
    }

    /// Publishes what waited for a subscription of this node's own, unless it has to wait longer.
    ///
    /// While SUBSCRIBE is under way, it is unknown whether a message that is published now comes back. One that is published once it is
    /// confirmed does: this node's clients get it once and in the order of all others, and its receipt is among those that Redis counts.
    /// The wait is one round trip. It ends also when either link is lost.
    /// - Parameter untilConfirmed: false: nothing waits any longer.
    func publishPending(untilConfirmed: Bool = true) {
        guard self.pending.count > 0 else { return }
        self.publish(self.pending.take(), waits: untilConfirmed)
    }

    /// One order, one flush, one batch for the own receiver.
    private func publish(_ requests: [PublishRequest], waits: Bool = true) {
        var local: [Envelope] = []
        var answers: [() -> Void] = []
        for request in requests {
            let outcome = self.publish(request, waits: waits, local: &local)
            if let outcome, let completion = request.completion { answers.append { completion(outcome) } }
        }
        self.publisher.flush()
        self.context.deliver(local)
        for answer in answers { answer() }
    }

    /// - Parameters:
    ///   - waits: whether it may wait for this node's own subscription to its topic.
    ///   - local: gets what this node's receiver is to be given at once.
    /// - Returns: the outcome, when it is known already.
    private func publish(
        _ request: PublishRequest,
        waits: Bool,
        local: inout [Envelope]
    ) -> Result<PublishOutcome, BrokerError>? {
        guard !self.isClosed else { return .failure(.closed) }
        let reachability = PublishReachability(
            publisher: self.publisher.isLinked,
            subscriber: self.subscriptions.isLinked,
            isWanted: self.subscriptions.isWanted(request.topic),
            isConfirmed: self.subscriptions.isConfirmed(request.topic)
        )
        if waits, reachability.awaitsConfirmation, !request.isTooLarge {
            return self.pending.append(request) ? nil : .failure(.outboxFull)
        }
        return self.publisher.publish(request, reachability, into: &local)
    }

    /// Publishes all that has been taken so far, and takes nothing more.
    func close() {
        self.publish(self.context.shared.inbox.withLockedValue { $0.take() })
        self.publishPending(untilConfirmed: false)
        self.isClosed = true
    }
}

@available(*, unavailable)
extension PublishIntake: Sendable {}
