import NIOCore
import VolaryProtocol

/// Checks that messages of this node come back through Redis. Sends canaries over both links, reconnects both when a canary
/// does not come back, and measures the lag. Belongs to one event loop.
///
/// A canary is a DEL, which a replica refuses and a Redis that is out of memory accepts, just like messages. It is followed by
/// a SPUBLISH to a channel of the broker itself, because the broker need not be subscribed to the node's topic.
/// ``CanaryStateMachine`` decides when to send one.
final class CanaryMonitor {
    /// Also used as the name of the key that is deleted. The key never exists.
    let channel: String
    private let context: BrokerContext
    private var publisher: RedisLink?
    private var subscriber: RedisLink?
    private var machine: CanaryStateMachine
    private var timer: Scheduled<Void>?
    private var sentAt = NIODeadline.uptimeNanoseconds(0)
    /// Why Redis refused the last canary.
    private(set) var refusal: String?
    /// The round-trip time of the last canary.
    private(set) var lag: TimeAmount?

    init(_ context: BrokerContext) {
        self.context = context
        self.channel = context.names.canary(of: context.node)
        self.machine = CanaryStateMachine(interval: TimeAmount(context.settings.canaryInterval))
    }

    /// Whether a canary has come back since both links came up.
    var isProven: Bool { self.machine.isProven }

    func start(publisher: RedisLink, subscriber: RedisLink) {
        self.publisher = publisher
        self.subscriber = subscriber
        self.schedule()
    }

    /// Permanently.
    func stop() {
        self.timer?.cancel()
    }

    private func schedule() {
        let before = NIODeadline.now()
        self.timer = self.context.schedule(in: self.machine.step) { [weak self] in
            guard let self else { return }
            self.perform(self.machine.tick(elapsed: .now() - before))
            self.schedule()
        }
    }

    /// Call when one of the links has become ready.
    func linkBecameReady() {
        guard let publisher, let subscriber, publisher.isReady, subscriber.isReady else { return }
        self.perform(self.machine.linked())
    }

    /// Call when one of the links was lost.
    func linkWasLost() {
        self.machine.unlinked()
    }

    /// Call when Redis has acknowledged the subscription to ``channel``.
    func subscribed() {
        self.perform(self.machine.subscribed())
    }

    /// Call for a message on ``channel``.
    func received(_ payload: ByteBuffer) {
        guard let number = UInt64(String(buffer: payload)), self.machine.received(number) else { return }
        self.refusal = nil
        self.lag = .now() - self.sentAt
    }

    /// Call for a message on any channel.
    func messageArrived() {
        self.machine.otherMessageReceived()
    }

    private func perform(_ action: CanaryStateMachine.Action) {
        switch action {
        case .none: break
        case .listen:
            self.subscriber?.sendSubscription(RESPCommand("SSUBSCRIBE", self.channel), channels: 1)
            self.subscriber?.flush()
        case .send(let number): self.send(number)
        case .overdue:
            let reason = "what this node publishes does not come back"
            self.publisher?.reconnect(reason: reason)
            self.subscriber?.reconnect(reason: reason)
        }
    }

    private func send(_ number: UInt64) {
        self.sentAt = .now()
        self.publisher?.send(RESPCommand("DEL", self.channel)) { [weak self] result in
            // The loss of a link is handled by `linkWasLost`.
            guard let self, case .success(let value) = result else { return }
            if case .error(let text) = value { return self.wasRefused(text) }
            self.publisher?.send(RESPCommand("SPUBLISH", self.channel, "\(number)")) { [weak self] result in
                guard case .success(.error(let text)) = result else { return }
                self?.wasRefused(text)
            }
            self.publisher?.flush()
        }
        self.publisher?.flush()
    }

    private func wasRefused(_ text: String) {
        self.machine.wasRefused()
        self.refusal = "Redis takes no messages: \(RedisErrorText.loggable(text))"
        self.context.healthChanged()
    }
}

@available(*, unavailable)
extension CanaryMonitor: Sendable {}
