import Logging
import NIOConcurrencyHelpers
import NIOCore
import Protocol

extension RedisBrokerCore {
    func received(_ pushes: [RedisPush]) {
        var envelopes: [Envelope] = []
        for push in pushes {
            switch push {
            case .message(_, let payload): self.received(payload, into: &envelopes)
            case .subscribed(let channel), .unsubscribed(let channel): self.acknowledged(channel)
            case .pong: break
            }
        }
        self.deliver(envelopes)
        self.updateHealth()
    }

    private func received(_ payload: ByteBuffer, into envelopes: inout [Envelope]) {
        let envelope: Envelope
        do throws(EnvelopeError) {
            envelope = try Envelope(decoding: payload)
        } catch {
            // A node of another version, or something that is no node: not the link's fault.
            if let count = self.undecodable.occurred(at: .now()) {
                self.logger.warning(
                    "Messages that are no envelopes were ignored",
                    metadata: [RedisLogKey.count: "\(count)", RedisLogKey.error: "\(error)"]
                )
            }
            return
        }
        let isNew =
            envelope.origin == self.node
            ? self.homeward.cameBack(envelope.sequence)
            : self.duplicates.admits(envelope.sequence, from: envelope.origin)
        if isNew { envelopes.append(envelope) }
    }

    func deliver(_ envelopes: [Envelope]) {
        guard !envelopes.isEmpty else { return }
        let receiver = self.shared.receiver.withLockedValue { $0 }
        receiver?.receive(envelopes)
    }
}
