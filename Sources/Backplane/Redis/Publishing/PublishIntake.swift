import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

/// Takes messages from the inbox and passes them to ``MessagePublisher`` in turns. Belongs to one event loop.
final class PublishIntake {
    /// Minimum pause between two turns: 100 us.
    private static let minimumPause = TimeAmount.microseconds(100)
    /// Pause while a whole window waits for Redis: 2 ms, in which Redis answers about eighty messages.
    private static let windowPause = TimeAmount.milliseconds(2)

    private let context: BrokerContext
    private let subscriptions: TopicSubscriptions
    private let publisher: MessagePublisher
    /// Messages to topics whose SSUBSCRIBE is pending: see ``publishPending(untilConfirmed:)``.
    private var pending: PublishInbox
    private var isClosed = false

    /// - Parameter maximumBytes: maximum of bytes that may wait for subscriptions.
    init(_ context: BrokerContext, _ subscriptions: TopicSubscriptions, _ publisher: MessagePublisher, maximumBytes: Int) {
        self.context = context
        self.subscriptions = subscriptions
        self.publisher = publisher
        self.pending = PublishInbox(maximumBytes: maximumBytes)
    }

    /// Number of messages that wait for a subscription.
    var waiting: Int { self.pending.count }

    /// Takes the messages of one turn from the inbox. The rest follows in later turns of the loop.
    ///
    /// While a whole window waits in the outbox, where the order is fixed, the rest stays in the inbox, where senders take
    /// turns.
    func takeInbox() {
        let start = NIODeadline.now()
        let isHeldBack = self.publisher.hasWindowWaiting
        let (turn, rest) = self.context.shared.inbox.withLockedValue { (isHeldBack ? [] : $0.takeTurn(), $0.count) }
        self.publish(turn)
        self.context.healthChanged()
        guard rest > 0 else { return }
        // A task that is due at once would run before the loop polls its sockets again.
        let pause = isHeldBack ? Self.windowPause : max(.now() - start, Self.minimumPause)
        _ = self.context.schedule(in: pause) { [weak self] in self?.takeInbox() }
    }

    /// Publishes messages that waited for a subscription of this node, unless they have to wait longer.
    ///
    /// While SUBSCRIBE is pending, it is unknown whether a message that is published now comes back. A message that is
    /// published after the confirmation does: this node's clients get it once and in the order of all other messages, and its
    /// receipt is among those that Redis counts. The wait takes one round trip. It also ends when either link is lost.
    /// - Parameter untilConfirmed: false to publish all waiting messages.
    func publishPending(untilConfirmed: Bool = true) {
        guard self.pending.count > 0 else { return }
        self.publish(self.pending.take(), waits: untilConfirmed)
    }

    /// Publishes in one order, with one flush and one batch for this node's receiver.
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
    ///   - waits: whether the message may wait for this node's subscription to its topic.
    ///   - local: gets the envelopes for this node's receiver.
    /// - Returns: the outcome, if it is known already.
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

    /// Publishes all messages taken so far, and takes no more.
    func close() {
        self.publish(self.context.shared.inbox.withLockedValue { $0.take() })
        self.publishPending(untilConfirmed: false)
        self.isClosed = true
    }
}

@available(*, unavailable)
extension PublishIntake: Sendable {}
