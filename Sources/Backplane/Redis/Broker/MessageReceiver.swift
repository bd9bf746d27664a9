import Logging
import NIOCore
import VolaryProtocol

/// Decodes the messages on the subscriber's link and passes them on: acknowledgments to ``TopicSubscriptions``, canaries to
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
    /// Limits the log of messages that claim to come from this node but were not sent by it.
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
        // Messages that waited for a subscription may be publishable now.
        self.intake.publishPending()
        self.publisher.writeIfDue()
        self.follower.reportSettled()
        self.context.healthChanged()
    }

    private func acknowledged(_ channel: String) {
        guard channel != self.canary.channel else { return self.canary.subscribed() }
        switch self.subscriptions.acknowledged(channel) {
        case .confirmed(let topic): self.follower.subscribed(to: topic)
        case .none: break
        case .violation: self.link?.reconnect(reason: "Redis broke its protocol: acknowledged what was not asked for")
        }
    }

    private func received(_ payload: ByteBuffer, on channel: String, into envelopes: inout [Envelope]) {
        // The topic may have been unsubscribed from, with a SUNSUBSCRIBE in progress.
        guard let topic = self.subscriptions.topic(of: channel) else {
            if channel == self.canary.channel { self.canary.received(payload) }
            return
        }
        let position: LogPosition?
        let (previous, epoch): (UInt64, UInt64)
        let bytes: ByteBuffer
        do throws(EnvelopeError) {
            (position, previous, epoch, bytes) =
                switch try BrokerFrame(payload) {
                case .plain(let bytes): (nil, 0, 0, bytes)
                case .logged(let position, let previous, let epoch, let bytes): (position, previous, epoch, bytes)
                }
        } catch {
            return self.losses.couldNotDecode(1, error)
        }
        var envelope = self.decode(bytes)
        if let envelope { self.checkOrigin(envelope) }
        envelope?.position = position.map { Position(epoch: epoch, number: $0.number) }
        // Receipts that cannot be decoded are not a loss. Neither are bytes that no version of a node writes.
        let isLoss = envelope?.message.isWorthLogging ?? (position != nil || Envelope.mayConcernClients(bytes))
        let arrival = LogArrival(position: position, envelope: envelope, bytes: bytes.readableBytes, previous: previous)
        self.follower.received(arrival, isLoss: isLoss, of: topic, into: &envelopes)
    }

    /// - Returns: nil for bytes that cannot be decoded, which are counted.
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
