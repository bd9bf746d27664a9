import Logging
import NIOConcurrencyHelpers
import NIOCore
import VolaryProtocol

extension RedisBrokerCore {
    /// What is known to be missing of one topic, and has not been told.
    struct Missed {
        var lost = 0
        var gaps = 0

        mutating func add(lost: Int, gaps: Int) {
            self.lost = BrokerGap.sum(self.lost, lost)
            self.gaps += gaps
        }
    }

    func received(_ pushes: [RedisPush]) {
        var envelopes: [Envelope] = []
        for push in pushes {
            switch push {
            case .message(let channel, let payload):
                self.canary.otherMessageReceived()
                self.received(payload, on: channel, into: &envelopes)
            case .subscribed(let channel), .unsubscribed(let channel): self.acknowledged(channel)
            case .pong: break
            }
        }
        self.deliver(envelopes)
        // Some of it may have waited for a confirmation that has come.
        self.publishHeld()
        self.goOnWriting()
        self.tellMissedIfSettled()
        self.updateHealth()
    }

    private func received(_ payload: ByteBuffer, on channel: String, into envelopes: inout [Envelope]) {
        // The end of a subscription may be under way.
        guard let topic = self.topics[channel] else {
            if channel == self.canaryChannel { self.canaryCameBack(payload) }
            return
        }
        let place: LogPosition?
        let bytes: ByteBuffer
        do throws(EnvelopeError) {
            (place, bytes) =
                switch try BrokerFrame(payload) {
                case .plain(let bytes): (nil, bytes)
                case .logged(let place, let bytes): (place, bytes)
                }
        } catch {
            return self.couldNotDecode(1, error)
        }
        let envelope = self.envelope(of: bytes)
        if let envelope { self.heedOwnName(envelope) }
        // Of what cannot be read, receipts are no loss, nor is what no node of any version has written.
        let mayBeLoss = envelope?.message.isWorthLogging ?? (place != nil || Envelope.mayConcernClients(bytes))
        if self.isLogged, mayBeLoss {
            let arrival = LogArrival(position: place, envelope: envelope, bytes: bytes.readableBytes)
            self.follow(topic, into: &envelopes) { $0.received(arrival, into: &$1) }
        } else if let envelope {
            if envelope.origin == self.node {
                self.loopback.received(envelope.sequence, on: topic, into: &envelopes)
            } else if self.duplicates.admits(envelope.sequence, from: envelope.origin) {
                envelopes.append(envelope)
            }
        } else if mayBeLoss {
            self.missed(1, gaps: 0, of: topic)
        }
    }

    /// What this node has never sent is another program's, in its name: this node counts on from there, so that what it sends next is no
    /// duplicate. Of a number that is far away receivers themselves see that it is none of this node's, see ``DuplicateFilter``.
    private func heedOwnName(_ envelope: Envelope) {
        guard envelope.origin == self.node, envelope.sequence > self.sequence else { return }
        if envelope.sequence - self.sequence < DuplicateFilter.reach { self.sequence = envelope.sequence }
        guard let count = self.impostors.occurred(at: .now()) else { return }
        self.logger.warning(
            "Another program publishes messages in this node's name",
            metadata: [RedisLogKey.count: "\(count)"]
        )
    }

    /// - Returns: nil, and counts, what cannot be read.
    private func envelope(of bytes: ByteBuffer) -> Envelope? {
        do throws(EnvelopeError) {
            return try Envelope(decoding: bytes)
        } catch {
            self.couldNotDecode(1, error)
            return nil
        }
    }

    /// A node of another version, or something that is no node: not the link's fault.
    func couldNotDecode(_ count: Int, _ error: EnvelopeError) {
        guard let count = self.undecodable.occurred(count, at: .now()) else { return }
        self.logger.warning(
            "Messages that cannot be read were dropped: they are of another version, or no node's",
            metadata: [RedisLogKey.count: "\(count)", RedisLogKey.error: "\(error)"]
        )
    }

    func deliver(_ envelopes: [Envelope]) {
        guard !envelopes.isEmpty else { return }
        let receiver = self.shared.receiver.withLockedValue { $0 }
        receiver?.receive(envelopes)
    }

    // MARK: - What did not arrive

    func missed(_ lost: Int, gaps: Int, of topic: Topic) {
        guard lost > 0 || gaps > 0 else { return }
        self.lost = BrokerGap.sum(self.lost, lost)
        self.gaps += gaps
        self.missed[topic, default: Missed()].add(lost: lost, gaps: gaps)
    }

    /// Topics that lost their link together are told of together, as soon as the last has caught up. All else is told once a second.
    func tellMissedIfSettled() {
        guard self.hasSettled else { return }
        self.hasSettled = false
        self.tellMissed()
    }

    func tellMissed() {
        guard !self.missed.isEmpty else { return }
        let gaps = self.missed.map { BrokerGap(topic: $0.key, lost: $0.value.gaps > 0 ? nil : $0.value.lost) }
        self.missed = [:]
        if let topics = self.missedLog.occurred(gaps.count, at: .now()) {
            self.logger.warning(
                "Messages were missed, or may have been",
                metadata: [RedisLogKey.topics: "\(topics)", RedisLogKey.lost: "\(self.lost - self.lostAtLastLine)"]
            )
            self.lostAtLastLine = self.lost
        }
        let receiver = self.shared.receiver.withLockedValue { $0 }
        receiver?.missed(gaps)
    }
}
