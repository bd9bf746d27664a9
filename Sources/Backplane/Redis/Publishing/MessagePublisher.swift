import Logging
import NIOCore
import VolaryProtocol

/// Publishes over the publisher's link: writes the messages of ``PublishQueue`` as fast as Redis answers, and completes them
/// when Redis has answered. Belongs to one event loop.
final class MessagePublisher {
    /// Time after a lost link for which Redis' data may be new: a minute, as for its name, see ``RedisScript/identify``.
    private static let newDataTime = TimeAmount.minutes(1)

    let context: BrokerContext
    private let scripts: RedisScriptCache
    private let losses: LossReporter
    private var link: RedisLink?
    var queue: PublishQueue
    /// Whether messages are sent with the source of the script, from an answer NOSCRIPT until Redis has accepted a message.
    private var sendsSource = false
    /// Until when Redis' data may be new; nil if it is not.
    private var newDataEnd: NIODeadline?
    private let decision: LinkDecision
    /// Called once the outbox is empty, during shutdown.
    private var whenEmpty: (() -> Void)?
    /// Called when a decision takes too long, so that the link counts as down: see ``PoisonMessageDetector``.
    var countsAsDown: () -> Void = {}

    init(
        _ context: BrokerContext,
        scripts: RedisScriptCache,
        losses: LossReporter,
        limits: Outbox<OutgoingMessage>.Limits,
        replays: Bool
    ) {
        self.context = context
        self.scripts = scripts
        self.losses = losses
        self.decision = LinkDecision(context)
        self.queue = PublishQueue(node: context.node, isLogged: context.isLogged, limits: limits, replays: replays)
    }

    func start(over link: RedisLink) { self.link = link }

    var waiting: Int { self.queue.waiting }
    var isReady: Bool { self.link?.isReady ?? false }
    /// Whether the link is up, or counts as up during a decision.
    var isLinked: Bool { self.isReady || self.decision.isRunning }
    /// Whether Redis is so far behind that further messages should stay in the inbox, where senders take turns.
    var hasWindowWaiting: Bool { self.isReady && self.queue.hasWindowWaiting }

    /// Assigns the next sequence to a message and writes it, as far as the window permits.
    /// - Parameter local: gets the envelopes for this node's receiver.
    /// - Returns: the outcome, if it is known already.
    func publish(
        _ request: PublishRequest,
        _ reachability: PublishReachability,
        into local: inout [Envelope]
    ) -> Result<PublishOutcome, BrokerError>? {
        let outcome = self.queue.append(request, reachability, into: &local, at: .now())
        if case .failure = outcome { return outcome }
        self.write()
        return outcome
    }

    func flush() { self.link?.flush() }

    // MARK: - Writing

    private func write() {
        guard let link, link.isReady else { return }
        if let end = self.newDataEnd, .now() >= end { self.newDataEnd = nil }
        self.queue.takeWritable { message in
            let command = message.command(
                self.context,
                self.scripts,
                bySource: self.sendsSource,
                dataMayBeNew: self.newDataEnd != nil
            )
            link.send(command) { [weak self] result in self?.answered(result) }
        }
    }

    /// Writes waiting messages if half of the window is free.
    func writeIfDue() {
        guard self.queue.isDue, self.isReady else { return }
        self.write()
        self.link?.flush()
    }

    // MARK: - Answers

    private func answered(_ result: Result<RESPValue, RedisLinkError>) {
        // All messages of a lost link are handled together, in `linkWasLost`.
        guard case .success(let value) = result else { return }
        switch PublishAnswer(value) {
        case .confirmed(let receivers, let position, let history):
            if let history { self.context.order.told(history: history) }
            self.confirmed(receivers: receivers, at: position)
        case .scriptIsMissing: self.scriptIsMissing()
        case .refused(let text): self.refused(text)
        case .malformed: self.link?.reconnect(reason: "a message was answered with something else")
        }
    }

    /// The script cache of Redis has been emptied. All pending messages fail in the same way, and are then sent again with the
    /// source of the script. If that fails, too, the link is closed.
    private func scriptIsMissing() {
        if self.queue.scriptIsMissing(), let link {
            guard !self.sendsSource else { return link.reconnect(reason: "a message was answered with NOSCRIPT twice") }
            self.sendsSource = true
            self.scripts.reload([.publish], over: link)
            link.flush()
        }
        self.writeIfDue()
    }

    private func confirmed(receivers: Int, at position: Position?) {
        var local: [Envelope] = []
        guard let message = self.queue.confirmed(into: &local, at: .now()) else { return }
        if message.isLogged { self.sendsSource = false }
        if let position, let hub = message.topic.hub { self.context.order.observed(position, in: hub) }
        self.settleDecision()
        self.context.deliver(local)
        let isDegraded = message.isDegraded
        message.completion?(
            .success(isDegraded ? .degraded(here: message.isWanted) : .relayed(receivers: receivers, at: position))
        )
        self.finishIfEmpty()
        self.writeIfDue()
    }

    /// Handles an error for the oldest message. Redis has certainly not carried it out.
    private func refused(_ text: String) {
        let refusal = RedisErrorText.refusal(text)
        let bytes = self.queue.oldestUnansweredBytes
        // A small message cannot exceed a limit of Redis.
        let isPlausible = refusal != .tooLarge || bytes >= PoisonMessageDetector.minimumBytes
        guard refusal != .ofServer, isPlausible, let message = self.queue.removeOldestUnanswered() else {
            self.link?.reconnect(reason: "a message was refused: \(RedisErrorText.loggable(text))")
            return
        }
        self.settleDecision()
        if case .tooLarge = refusal { self.queue.sizeWasRefused(bytes: bytes, at: .now()) }
        self.reject(message, as: BrokerError(refusal), reason: RedisErrorText.loggable(text))
        self.finishIfEmpty()
        self.writeIfDue()
    }

    private func reject(_ message: OutgoingMessage, as error: BrokerError, reason: String) {
        self.queue.forgetLoopback(of: message)
        if let completion = message.completion { completion(.failure(error)) } else { self.losses.expired(1) }
        self.losses.rejected(bytes: message.bytes.readableBytes, reason: reason)
    }

    // MARK: - The links

    /// Loads the broker's scripts into Redis with the next flush.
    func loadScripts() {
        if let link { self.scripts.load(RedisScript.log, over: link) }
    }

    func linkBecameReady() {
        if self.newDataEnd != nil { self.newDataEnd = .now() + Self.newDataTime }
        self.expire()
        let replayed = self.queue.linked(to: self.link?.address, at: .now())
        if replayed > 0 {
            self.context.logger.info(
                "Messages are published again after a fail-over",
                metadata: [RedisLogKey.count: "\(replayed)"]
            )
        }
        self.write()
        self.link?.flush()
    }

    func linkWasLost(_ loss: RedisLinkLoss) {
        self.newDataEnd = .distantFuture
        self.scripts.removeAll()
        self.context.order.linkWasLost()
        self.sendsSource = false
        switch self.queue.linkLost(isByPeer: loss.isByPeer, at: .now()) {
        case .linkIsDown: self.linkIsDown()
        case .wait: self.startDecision()
        case .reject:
            // The connection was closed again with only one message on it. Messages of the same size or larger would fail, too.
            for message in self.queue.removeOversized(at: .now()) {
                self.reject(message, as: .tooLarge, reason: "the connection was closed each time, by itself too")
            }
            if self.queue.isDeciding(at: .now()) { self.startDecision() } else { self.linkIsDown() }
        }
    }

    /// This node's receiver gets the pending messages, and waiting callers get their results.
    private func linkIsDown() {
        self.decision.end()
        // Includes messages that Redis has confirmed; if these were delivered later, the order would change.
        self.deliverLoopback()
        for answer in self.queue.takeCompletions() { answer() }
    }

    func linkDidNotConnect() {
        self.queue.connectionFailed()
        self.endDecision()
    }

    // MARK: - Deciding whether the link is down or one message costs it

    private func startDecision() {
        self.decision.start { [weak self] in self?.endDecision() }
    }

    /// Call when Redis has answered a message.
    private func settleDecision() {
        guard self.decision.isRunning, !self.queue.isDeciding(at: .now()) else { return }
        self.decision.end()
    }

    /// Call when the decision has taken too long, or no server is known. If the link is up there is nothing to decide.
    private func endDecision() {
        guard self.decision.end(), !self.isReady else { return }
        self.queue.endDecision()
        self.linkIsDown()
        self.countsAsDown()
    }

    // MARK: - Expiry and the end

    /// Removes messages that have waited for too long. Not during a decision, because callers wait for these messages then.
    func expire() {
        guard !self.decision.isRunning else { return }
        self.losses.expired(self.queue.expire(at: .now()), "Messages expired in the outbox")
    }

    /// - Parameter done: called once Redis has confirmed all messages; at once if there are none.
    func notify(whenEmpty done: @escaping () -> Void) {
        self.whenEmpty = done
        self.finishIfEmpty()
    }

    private func finishIfEmpty() {
        guard self.queue.isEmpty, let done = self.whenEmpty else { return }
        self.whenEmpty = nil
        done()
    }

    /// Stops permanently. Unconfirmed messages count as expired.
    func stop() {
        self.whenEmpty = nil
        self.linkWasLost(RedisLinkLoss(reason: "shut down"))
        self.decision.end()
        self.losses.expired(self.queue.waiting, "The node ends with unconfirmed messages: other nodes may lack them")
    }
}

@available(*, unavailable)
extension MessagePublisher: Sendable {}
