import NIOCore
import VolaryProtocol

/// The proof that what goes out comes back: a write, which a replica refuses and a Redis without memory takes, as they do messages; then a
/// message to itself.
extension RedisBrokerCore {
    func scheduleCanary() {
        let before = NIODeadline.now()
        self.canaryTimer = self.shared.eventLoop.assumeIsolated().scheduleTask(in: self.canary.step) { [weak self] in
            guard let self else { return }
            self.perform(self.canary.tick(elapsed: .now() - before))
            self.scheduleCanary()
        }
    }

    func canaryLinkBecameReady() {
        guard let publisher, let subscriber, publisher.isReady, subscriber.isReady else { return }
        self.perform(self.canary.linked())
    }

    func canaryIsHeard() {
        self.perform(self.canary.subscribed())
    }

    func canaryCameBack(_ payload: ByteBuffer) {
        guard let number = UInt64(String(buffer: payload)), self.canary.received(number) else { return }
        self.canaryRefusal = nil
        self.lag = .now() - self.canarySentAt
    }

    private func perform(_ action: CanaryStateMachine.Action) {
        switch action {
        case .none: break
        case .listen:
            self.subscriber?.sendSubscription(RESPCommand("SUBSCRIBE", self.canaryChannel), channels: 1)
            self.subscriber?.flush()
        case .send(let number): self.sendCanary(number)
        case .overdue:
            let reason = "what this node publishes does not come back"
            self.publisher?.drop(reason: reason)
            self.subscriber?.drop(reason: reason)
        }
    }

    private func sendCanary(_ number: UInt64) {
        self.canarySentAt = .now()
        self.publisher?.send(RESPCommand("DEL", self.canaryChannel)) { [weak self] result in
            // A lost link is dealt with when it is.
            guard let self, case .success(let value) = result else { return }
            if case .error(let text) = value { return self.canaryWasRefused(text) }
            self.publisher?.send(RESPCommand("PUBLISH", self.canaryChannel, "\(number)")) { [weak self] result in
                guard case .success(.error(let text)) = result else { return }
                self?.canaryWasRefused(text)
            }
            self.publisher?.flush()
        }
        self.publisher?.flush()
    }

    /// Looks, once a second, whether own messages come back that Redis has answered. Where the oldest does not for ten looks in a row,
    /// although all topics arrive, something else than the path keeps it away: this node's clients get it then, and all topics are
    /// subscribed to anew.
    func watchLoopback() {
        let firstUnanswered = self.outbox.first?.sequence ?? .max
        guard let oldest = self.loopback.oldest, firstUnanswered > oldest, self.unsettled.required.isEmpty else {
            self.overdue = nil
            return
        }
        let looks = if let overdue, overdue.sequence == oldest { overdue.looks + 1 } else { 1 }
        self.overdue = (oldest, looks)
        guard looks > 10 else { return }
        self.overdue = nil
        self.subscriber?.drop(reason: "own messages do not come back")
    }

    private func canaryWasRefused(_ text: String) {
        self.canary.wasRefused()
        self.canaryRefusal = "Redis takes no messages: \(RedisErrorText.loggable(text))"
        self.updateHealth()
    }
}
