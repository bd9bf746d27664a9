import Atomics
import Backplane
import Logging
import NIOCore
import Protocol

/// Takes what the broker delivers to this node and hands it to connections; answers with receipts.
///
/// Publications that arrive together are encoded once, into one buffer, and cost one hop per event loop and one write per connection.
final class Delivery: BrokerReceiver {
    /// Encoded bytes that are put together for one write: 256 KiB. More would only delay the first of them.
    private static let batchBytes = 256 * 1024

    private let node: NodeID
    private let connections: ConnectionManager
    private let receipts: ReceiptCollector
    private let broker: any Broker
    private let metrics: NodeMetrics
    private let logger: Logger
    private let allocator = ByteBufferAllocator()

    init(
        connections: ConnectionManager,
        receipts: ReceiptCollector,
        broker: any Broker,
        metrics: NodeMetrics,
        logger: Logger
    ) {
        self.node = connections.node
        self.connections = connections
        self.receipts = receipts
        self.broker = broker
        self.metrics = metrics
        self.logger = logger
    }

    /// Publications for everyone that wait to be handed over together.
    private struct Batch {
        var frames = ByteBuffer()
        var publications = 0
        var wanted: [PublicationID] = []
    }

    func receive(_ envelopes: [Envelope]) {
        var batch = Batch()
        for envelope in envelopes {
            switch envelope.message {
            case .publication(let publication) where publication.target == nil:
                self.append(publication, to: &batch)
                if batch.frames.readableBytes >= Self.batchBytes { self.handOver(&batch) }
            case .publication(let publication):
                self.handOver(&batch)
                self.deliver(publication, to: publication.target)
            case .close(let request):
                self.handOver(&batch)
                self.close(request)
            case .receipts(let receipts):
                self.receipts.received(receipts, from: envelope.origin)
            }
        }
        self.handOver(&batch)
    }

    // MARK: - To everyone

    private func append(_ publication: Publication, to batch: inout Batch) {
        let (opcode, payload) = self.encode(publication)
        if batch.publications == 0 {
            batch.frames = FrameEncoder.encode(opcode: opcode, payload: payload, allocator: self.allocator)
        } else {
            FrameEncoder.append(opcode: opcode, payload: payload, to: &batch.frames)
        }
        batch.publications += 1
        if publication.wantsReceipt { batch.wanted.append(publication.id) }
    }

    private func handOver(_ batch: inout Batch) {
        guard batch.publications > 0 else { return }
        let (frames, publications) = (batch.frames, batch.publications)
        let tally = Tally(ids: batch.wanted, parts: self.connections.shards.count)
        batch = Batch()
        for shard in self.connections.shards {
            let accepted = shard.submit(bytes: frames.readableBytes) { shard in
                let reached = shard.broadcast(frames)
                self.metrics.delivered(publications: publications, connections: Int(reached))
                self.finish(tally, reached: reached)
            }
            if !accepted {
                self.dropped(publications)
                self.finish(tally, reached: 0)
            }
        }
    }

    // MARK: - To one

    private func deliver(_ publication: Publication, to target: ConnectionID?) {
        guard let target else { return }
        let (opcode, payload) = self.encode(publication)
        let frame = FrameEncoder.encode(opcode: opcode, payload: payload, allocator: self.allocator)
        let tally = Tally(ids: publication.wantsReceipt ? [publication.id] : [], parts: self.connections.shards.count)
        for shard in self.connections.shards {
            let accepted = shard.submit(bytes: frame.readableBytes) { shard in
                let reached: UInt32 = shard.connection(target)?.send(frame) == true ? 1 : 0
                self.metrics.delivered(publications: Int(reached), connections: Int(reached))
                self.finish(tally, reached: reached)
            }
            if !accepted {
                self.dropped(1)
                self.finish(tally, reached: 0)
            }
        }
    }

    private func close(_ request: CloseRequest) {
        let tally = Tally(ids: [request.id], parts: self.connections.shards.count)
        for shard in self.connections.shards {
            let accepted = shard.submit { shard in
                let connection = shard.connection(request.connection)
                connection?.close(code: request.code, reason: request.reason)
                self.finish(tally, reached: connection == nil ? 0 : 1)
            }
            if !accepted { self.finish(tally, reached: 0) }
        }
    }

    // MARK: - Encoding and receipts

    private func encode(_ publication: Publication) -> (Opcode, ByteBuffer) {
        guard publication.dataType == .text else { return (.binary, publication.payload) }
        let message = ServerMessage(
            kind: publication.kind.plain,
            from: publication.sender,
            message: publication.payload,
            timestamp: publication.timestamp
        )
        return (.text, message.encoded(allocator: self.allocator))
    }

    /// The last event loop to finish sends the receipts.
    private func finish(_ tally: Tally, reached: UInt32) {
        guard !tally.ids.isEmpty, let total = tally.add(reached) else { return }
        for (origin, ids) in Dictionary(grouping: tally.ids, by: \.node) {
            var rest = ids.map { Receipt(id: $0, connections: total) }[...]
            if origin == self.node {
                self.receipts.received(Array(rest), from: origin)
                continue
            }
            while !rest.isEmpty {
                let some = rest.prefix(Limits.maximumReceiptsPerEnvelope)
                rest = rest.dropFirst(some.count)
                // A receipt that does not arrive shows as this node missing from the answer.
                self.broker.publish(.receipts(Array(some)), to: .node(origin), completion: nil)
            }
        }
    }

    private func dropped(_ publications: Int) {
        self.metrics.dropped(publications: publications)
        self.logger.warning(
            "Publications dropped: an event loop is too far behind",
            metadata: [LogKey.publications: "\(publications)"]
        )
    }
}

/// Adds up, over a node's event loops, how many connections the publications of one batch reached.
private final class Tally: Sendable {
    let ids: [PublicationID]
    private let remaining: ManagedAtomic<Int>
    private let total = ManagedAtomic<UInt32>(0)

    init(ids: [PublicationID], parts: Int) {
        self.ids = ids
        self.remaining = ManagedAtomic(parts)
    }

    /// - Returns: the sum, to whoever adds the last part.
    func add(_ reached: UInt32) -> UInt32? {
        self.total.wrappingIncrement(by: reached, ordering: .relaxed)
        guard self.remaining.wrappingDecrementThenLoad(ordering: .acquiringAndReleasing) == 0 else { return nil }
        return self.total.load(ordering: .relaxed)
    }
}

extension Publication.Kind {
    fileprivate var plain: ServerMessage.Kind {
        switch self {
        case .system: .system
        case .message: .message
        case .serverBroadcast: .serverBroadcast
        }
    }
}
