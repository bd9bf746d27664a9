import Logging
import NIOCore
import VolaryProtocol

/// Messages that Redis does not take, whether it says so or closes the connection: see ``SuspectMessage``.
extension RedisBrokerCore {
    /// Redis has answered the oldest message with an error, and certainly not carried it out.
    func messageWasRefused(_ text: String) {
        let refusal = RedisErrorText.refusal(text)
        let bytes = self.outbox.firstUnanswered { _ in true }?.bytes.readableBytes ?? 0
        // Redis cannot have stumbled over the size of a small one.
        let isPlausible = refusal != .tooLarge || bytes >= SuspectMessage.minimumBytes
        guard refusal != .ofServer, isPlausible, let message = self.outbox.answered() else {
            self.publisher?.drop(reason: "a message was refused: \(RedisErrorText.loggable(text))")
            return
        }
        self.answered(message)
        let error: BrokerError
        switch refusal {
        case .tooLarge:
            self.suspect.wasRefused(bytes: bytes, at: .now())
            error = .tooLarge
        case .idleFull: error = .idleHistoryFull
        case .ofMessage, .ofServer: error = .refused
        }
        self.giveUp(message, as: error, reason: RedisErrorText.loggable(text))
        self.finishIfFlushed()
        self.goOnWriting()
    }

    /// The connection has been closed again while a message was alone on it. What is as large waits in vain too.
    func giveUpRefused() {
        let refused = self.outbox.removeWaiting { self.suspect.refuses(bytes: $0.bytes.readableBytes, at: .now()) }
        for message in refused {
            self.giveUp(message, as: .tooLarge, reason: "the connection was closed each time, by itself too")
        }
        if self.suspect.isDeciding(at: .now()) { self.decideSoon() } else { self.publisherIsDown() }
    }

    private func giveUp(_ message: OutgoingMessage, as error: BrokerError, reason: String) {
        self.loopback.forget(message.sequence, on: message.topic)
        if let completion = message.completion { completion(.failure(error)) } else { self.expired += 1 }
        guard let count = self.givenUp.occurred(at: .now()) else { return }
        self.logger.warning(
            "Redis does not take messages: they were given up",
            metadata: [
                RedisLogKey.count: "\(count)", RedisLogKey.bytes: "\(message.bytes.readableBytes)",
                RedisLogKey.reason: "\(reason)",
            ]
        )
    }

    // MARK: - Deciding

    /// Redis has answered a message.
    func answered(_ message: OutgoingMessage) {
        self.suspect.answered(message.sequence)
        guard let decisionTimer, !self.suspect.isDeciding(at: .now()) else { return }
        decisionTimer.cancel()
        self.decisionTimer = nil
    }

    /// Until it is known whether the link is down or one message costs it, all goes on as if it were slow.
    func decideSoon() {
        guard self.decisionTimer == nil else { return }
        self.decisionTimer = self.shared.eventLoop.assumeIsolated().scheduleTask(in: SuspectMessage.decisionTimeout) {
            [weak self] in
            self?.stopDeciding()
        }
    }

    /// It has taken too long, or there is nothing to connect to. With a link, there is nothing to decide.
    func stopDeciding() {
        guard let timer = self.decisionTimer else { return }
        timer.cancel()
        self.decisionTimer = nil
        guard self.publisher?.isReady != true else { return }
        _ = self.suspect.endDecision()
        self.publisherIsDown()
        self.publishHeld()
        self.updateHealth()
    }
}
