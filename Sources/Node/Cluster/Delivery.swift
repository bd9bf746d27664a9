import Logging
import NIOConcurrencyHelpers
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Takes what the broker delivers to this node and hands it to connections; answers with receipts.
///
/// Publications that arrive together are encoded once, into one buffer, and compressed once at most; they cost one hop per event loop and
/// one write per connection.
final class Delivery: BrokerReceiver {
    /// Encoded bytes that are put together for one write: 256 KiB. More would only delay the first of them.
    private static let batchBytes = 256 * 1024

    let node: NodeID
    private let connections: ConnectionManager
    private let receipts: ReceiptCollector
    private let requests: ConnectionCommands
    private let changes = SerialCommandQueue()
    private let shutdownRequest: ShutdownRequest
    private let broker: any Broker
    private let metrics: NodeMetrics
    private let logger: Logger
    /// Milliseconds since 1970, UTC.
    let now: @Sendable () -> Int64
    private let precision: Timestamp.Precision
    private let allocator = ByteBufferAllocator()
    private let drops = NIOLockedValueBox(LogThrottle(interval: .seconds(10)))

    init(
        connections: ConnectionManager,
        receipts: ReceiptCollector,
        requests: ConnectionCommands,
        shutdownRequest: ShutdownRequest,
        broker: any Broker,
        metrics: NodeMetrics,
        logger: Logger,
        now: @escaping @Sendable () -> Int64,
        precision: Timestamp.Precision = .seconds
    ) {
        self.node = connections.node
        self.connections = connections
        self.receipts = receipts
        self.requests = requests
        self.shutdownRequest = shutdownRequest
        self.broker = broker
        self.metrics = metrics
        self.logger = logger
        self.now = now
        self.precision = precision
        for shard in connections.shards {
            shard.tellLosses { LossNotice.frames(lost: $0, at: now(), precision: precision) }
        }
    }

    /// Publications for one audience that are handed over together.
    private struct Batch {
        let audience: Audience
        let writtenWithin: TimeAmount?
        var frames: BatchFrames
        var publications = 1
        var wanted: [PublicationID]
    }

    func receive(_ envelopes: [Envelope]) {
        var batch: Batch?
        for envelope in envelopes {
            switch envelope.message {
            case .publication(let publication):
                self.add(publication, to: &batch)
            case .receipts(let receipts):
                self.receipts.received(receipts, from: envelope.origin)
            case .close(let request):
                self.handOver(&batch)
                self.close(request)
            case .membership(let request):
                self.handOver(&batch)
                self.change(request)
            case .drain(let id):
                self.shutdownRequest.request(.graceful)
                self.answer([id], count: 1)
            case .probe(let id):
                self.answer([id], count: 1)
            }
        }
        self.handOver(&batch)
    }

    // MARK: - Publications

    private func add(_ publication: Publication, to batch: inout Batch?) {
        let (opcode, payload) = self.encode(publication)
        let writtenWithin: TimeAmount? =
            if case .written(let milliseconds) = publication.confirmation { .milliseconds(Int64(milliseconds)) } else { nil }
        let wanted = publication.confirmation == .none ? [] : [publication.id]
        if var open = batch, open.audience == publication.audience, open.writtenWithin == nil, writtenWithin == nil,
            open.frames.plain.readableBytes < Self.batchBytes
        {
            // Emptied first: a second reference to the bytes would make the append copy them.
            batch = nil
            open.frames.append(opcode: opcode, payload: payload)
            open.publications += 1
            open.wanted += wanted
            batch = open
        } else {
            self.handOver(&batch)
            batch = Batch(
                audience: publication.audience,
                writtenWithin: writtenWithin,
                frames: BatchFrames(
                    opcode: opcode,
                    payload: payload,
                    compresses: self.connections.someInflate,
                    allocator: self.allocator
                ),
                wanted: wanted
            )
        }
    }

    private func handOver(_ batch: inout Batch?) {
        guard let whole = batch else { return }
        batch = nil
        let shards = self.connections.shards(of: whole.audience)
        guard !shards.isEmpty else { return self.answer(whole.wanted, count: 0) }
        let tally = ReceiptCounter(ids: whole.wanted, parts: shards.count)
        let fanOut = FanOut(to: whole.audience, frames: whole.frames.plain, compressed: whole.frames.compressed) { reached in
            self.metrics.delivered(publications: whole.publications, connections: Int(reached))
            self.finish(tally, reached: reached)
        }
        for shard in shards {
            let accepted = shard.submit(
                fanOut,
                publications: whole.publications,
                bytes: whole.frames.bytes,
                writtenWithin: whole.writtenWithin
            )
            if !accepted {
                self.dropped(whole.publications)
                self.finish(tally, reached: 0)
            }
        }
    }

    // MARK: - Requests

    /// Answered with nothing when the event loop has too many requests: who asked learns that this node did not answer, and not that there is no such
    /// connection.
    private func close(_ request: CloseRequest) {
        guard let shard = self.connections.shard(of: request.connection) else { return self.answer([request.id], count: 0) }
        _ = shard.submit { shard in
            guard let connection = shard.connection(request.connection), connection.isOpen || connection.hasLeftovers else {
                return self.answer([request.id], count: 0)
            }
            self.requests.close(connection, code: request.code, reason: request.reason) { self.answer([request.id], count: 1) }
        }
    }

    private func change(_ request: MembershipRequest) {
        self.changes.append(of: request.connection) {
            do throws(BrokerError) {
                let outcome =
                    request.joins
                    ? try await self.requests.join(request.connection, request.group)
                    : await self.requests.leave(request.connection, request.group)
                self.answer([request.id], count: outcome.receipt)
            } catch {
                // Not subscribed: whoever asked hears nothing, and says so.
                self.logger.warning("Group not joined", metadata: [LogKey.error: "\(error)"])
            }
        }
    }

    // MARK: - Encoding and receipts

    private func encode(_ publication: Publication) -> (Opcode, ByteBuffer) {
        let content: ServerMessage.Content
        switch publication.dataType {
        case .text: content = .text(publication.payload)
        case .json: content = .json(publication.payload)
        case .binary: return (.binary, publication.payload)
        }
        let message = ServerMessage(
            kind: publication.kind.plain,
            from: publication.sender,
            content: content,
            timestamp: publication.timestamp,
            // What clients say to each other stays as short as it is.
            id: publication.kind == .serverBroadcast ? publication.id : nil,
            audience: publication.audience
        )
        return (.text, message.encoded(allocator: self.allocator, precision: self.precision))
    }

    /// The last event loop to finish sends the receipts.
    private func finish(_ tally: ReceiptCounter, reached: UInt32) {
        guard !tally.ids.isEmpty, let total = tally.add(reached) else { return }
        self.answer(tally.ids, count: total)
    }

    /// Receipts for one node travel together.
    private func answer(_ ids: [PublicationID], count: UInt32) {
        guard !ids.isEmpty else { return }
        for (origin, ids) in Dictionary(grouping: ids, by: \.node) {
            var rest = ids.map { Receipt(id: $0, connections: count) }[...]
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

    /// Their clients are told by the event loop that had no room.
    private func dropped(_ publications: Int) {
        self.metrics.dropped(publications: publications)
        guard let count = self.drops.withLockedValue({ $0.occurred(publications, at: .now()) }) else { return }
        self.logger.warning(
            "Publications dropped: an event loop is too far behind",
            metadata: [LogKey.publications: "\(count)"]
        )
    }
}

extension ConnectionCommands.Outcome {
    fileprivate var receipt: UInt32 {
        switch self {
        case .done: 1
        case .unknownConnection: 0
        case .tooManyGroups: Receipt.refused
        }
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
