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

    /// One publication for the clients of one event loop.
    private struct Part: Sendable {
        let publication: HubPublication
        var receivers: [(client: ResumableClient, sequence: UInt64)] = []
    }

    func deliver(_ deliveries: [SessionDelivery]) {
        var parts: [[Part]] = Array(repeating: [], count: self.shards.count)
        for (index, delivery) in deliveries.enumerated() {
            var last = Array(repeating: -1, count: parts.count)
            for (client, sequence) in delivery.receivers {
                // All clients of sessions on a node are of this class.
                let client = unsafeDowncast(client, to: ResumableClient.self)
                let shard = client.shard.number
                if last[shard] != index {
                    last[shard] = index
                    parts[shard].append(Part(publication: delivery.publication))
                }
                parts[shard][parts[shard].count - 1].receivers.append((client, sequence))
            }
            self.metrics.delivered(publications: 1, deliveries: delivery.receivers.count)
            self.traces?.reachedSessions(delivery.publication.publication, delivery.receivers.count)
        }
        for (shard, parts) in zip(self.shards, parts) where !parts.isEmpty {
            shard.eventLoop.execute {
                for part in parts {
                    var forms = SessionForms(part.publication)
                    for (client, sequence) in part.receivers { client.deliver(&forms, sequence) }
                }
            }
        }
    }

    func delivered(_ id: PublicationID, to count: UInt32) { self.answer(id, Receipt.ofSessions + count) }

    func sessionFailed(_ failure: SessionFailure) { self.metrics.sessionFailed(failure) }

    func operationsLost(_ count: UInt64) { self.metrics.operationsLost(Int(count)) }
}
