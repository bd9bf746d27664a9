import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Passes what sessions deliver to the event loops of their clients, one hop for each loop.
struct SessionFanOut: SessionHost {
    let shards: [ConnectionShard]
    let metrics: NodeMetrics
    /// nil: nothing is remembered of messages.
    let traces: MessageTraces?
    /// Sends the receipt of a publication.
    let answer: @Sendable (PublicationID, UInt32) -> Void

    func deliver(_ deliveries: [SessionDelivery]) {
        for delivery in deliveries {
            self.metrics.delivered(publications: 1, deliveries: delivery.receivers.count)
            self.traces?.reachedSessions(delivery.publication.publication, delivery.receivers.count)
        }
        if self.shards.count == 1 { return self.pass(deliveries, to: self.shards[0]) }
        var parts: [[SessionDelivery]] = Array(repeating: [], count: self.shards.count)
        for delivery in deliveries {
            var receivers: [[SessionReceiver]] = Array(repeating: [], count: self.shards.count)
            for receiver in delivery.receivers { receivers[receiver.resumable.shard.number].append(receiver) }
            for (shard, receivers) in receivers.enumerated() where !receivers.isEmpty {
                parts[shard].append(SessionDelivery(publication: delivery.publication, receivers: receivers))
            }
        }
        for (shard, parts) in zip(self.shards, parts) where !parts.isEmpty { self.pass(parts, to: shard) }
    }

    private func pass(_ deliveries: [SessionDelivery], to shard: ConnectionShard) {
        shard.eventLoop.execute {
            for delivery in deliveries {
                var forms = SessionForms(delivery.publication)
                for receiver in delivery.receivers { receiver.resumable.deliver(&forms, receiver.sequence) }
            }
        }
    }

    func delivered(_ id: PublicationID, to count: UInt32) { self.answer(id, Receipt.ofSessions + count) }

    func sessionFailed(_ failure: SessionFailure) { self.metrics.sessionFailed(failure) }

    func operationsLost(_ count: UInt64) { self.metrics.operationsLost(Int(count)) }
}

extension SessionReceiver {
    /// All clients of sessions on a node are of this class.
    fileprivate var resumable: ResumableClient { unsafeDowncast(self.client, to: ResumableClient.self) }
}
