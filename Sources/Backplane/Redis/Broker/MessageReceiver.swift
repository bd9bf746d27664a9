import Logging
import NIOCore
import VolaryProtocol

/// Decodes what the subscriber's link brings and gives it to its owner: acknowledgements to ``TopicSubscriptions``, canaries to
/// ``CanaryMonitor``, messages to ``TopicFollower``. Belongs to one event loop.
final class MessageReceiver {
    private let context: BrokerContext
    private let subscriptions: TopicSubscriptions
    private let follower: TopicFollower
    private let publisher: MessagePublisher
    private let intake: PublishIntake
    private let canary: CanaryMonitor
    private let losses: LossReporter
    private var link: RedisLink?
    /// Messages that name this node as their origin and were not sent by it.
    private var forgedLog = LogThrottle(interval: .seconds(10))

    init(
        _ context: BrokerContext,
        _ subscriptions: TopicSubscriptions,
        _ follower: TopicFollower,
        _ publisher: MessagePublisher,
        _ intake: PublishIntake,
        _ canary: CanaryMonitor,
        _ losses: LossReporter
    ) {
        self.context = context
        self.subscriptions = subscriptions
        self.follower = follower
        self.publisher = publisher
        self.intake = intake
        self.canary = canary
        self.losses = losses
    }

    func start(over link: RedisLink) { self.link = link }

    func received(_ pushes: [RedisPush]) {
        var envelopes: [Envelope] = []
        for push in pushes {
            switch push {
            case .message(let channel, let payload):
                self.canary.messageArrived()
                self.received(payload, on: channel, into: &envelopes)
            case .subscribed(let channel), .unsubscribed(let channel): self.acknowledged(channel)
            case .pong: break
            }
        }
        self.context.deliver(envelopes)
        // Some may have waited for a confirmation that has come.
        self.intake.publishPending()
        self.publisher.writeIfDue()
        // Topics that lost their link together are reported together, once the last has caught up. All else is reported once a second.
        if self.subscriptions.takeSettled() { self.losses.report() }
        self.context.healthChanged()
    }

    private func acknowledged(_ channel: String) {
        guard channel != self.canary.channel else { return self.canary.subscribed() }
        switch self.subscriptions.acknowledged(channel) {
        case .confirmed(let topic): self.follower.subscribed(to: topic)
        case .none: break
        case .violation: self.link?.drop(reason: "Redis broke its protocol: acknowledged what was not asked for")
        }
    }

    private func received(_ payload: ByteBuffer, on channel: String, into envelopes: inout [Envelope]) {
        // An UNSUBSCRIBE may be under way.
        guard let topic = self.subscriptions.topic(of: channel) else {
            if channel == self.canary.channel { self.canary.received(payload) }
            return
        }
        let position: LogPosition?
        let bytes: ByteBuffer
        do throws(EnvelopeError) {
            (position, bytes) =
                switch try BrokerFrame(payload) {
                case .plain(let bytes): (nil, bytes)
                case .logged(let position, let bytes): (position, bytes)
                }
        } catch {
            return self.losses.couldNotDecode(1, error)
        }
        let envelope = self.decode(bytes)
        if let envelope { self.checkOrigin(envelope) }
        // Receipts that cannot be decoded are no loss, nor are bytes that no node of any version has written.
        let isLoss = envelope?.message.isWorthLogging ?? (position != nil || Envelope.mayConcernClients(bytes))
        self.follower.received(envelope, at: position, bytes: bytes.readableBytes, isLoss: isLoss, of: topic, into: &envelopes)
    }

    /// - Returns: nil, which is counted, for what cannot be decoded.
    private func decode(_ bytes: ByteBuffer) -> Envelope? {
        do throws(EnvelopeError) {
            return try Envelope(decoding: bytes)
        } catch {
            self.losses.couldNotDecode(1, error)
            return nil
        }
    }

    private func checkOrigin(_ envelope: Envelope) {
        guard self.publisher.isForged(envelope), let count = self.forgedLog.occurred(at: .now()) else { return }
        self.context.logger.warning(
            "Another program publishes messages in this node's name",
            metadata: [RedisLogKey.count: "\(count)"]
        )
    }
}

@available(*, unavailable)
extension MessageReceiver: Sendable {}
