import Logging
import NIOConcurrencyHelpers
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Receives envelopes from the broker: delivers publications to connections, carries out commands, and sends receipts.
///
/// Publications that arrive together are one ``EncodedBatch``; they cost one hop per event loop and one write per connection.
final class Delivery: BrokerReceiver {
    /// Bytes of messages that are combined for one write: 256 KiB. More would only delay the first message.
    private static let batchBytes = 256 * 1024

    let node: NodeID
    let connections: ConnectionManager
    private let receipts: ReceiptCollector
    let requests: ConnectionCommands
    let audienceCommands: AudienceCommands
    let changes = SerialCommandQueue()
    private let shutdownRequest: ShutdownRequest
    let broker: any Broker
    private let forwarded: ForwardedRequests?
    private let metrics: NodeMetrics
    private let times: Histogram
    private let tracing: TraceCollector?
    let logger: Logger
    /// Milliseconds since 1970, UTC.
    let now: @Sendable () -> Int64
    private let dropLog = NIOLockedValueBox(LogThrottle(interval: .seconds(10)))

    /// - Parameters:
    ///   - times: from the time of each publication to its last write here.
    ///   - tracing: nil: nothing is remembered of messages.
    init(
        connections: ConnectionManager,
        receipts: ReceiptCollector,
        requests: ConnectionCommands,
        shutdownRequest: ShutdownRequest,
        broker: any Broker,
        metrics: NodeMetrics,
        times: Histogram = Histogram(),
        tracing: TraceCollector? = nil,
        logger: Logger,
        now: @escaping @Sendable () -> Int64,
        forwarded: ForwardedRequests? = nil
    ) {
        self.node = connections.node
        self.connections = connections
        self.receipts = receipts
        self.requests = requests
        self.audienceCommands = AudienceCommands(connections: connections, requests: requests, changes: self.changes)
        self.shutdownRequest = shutdownRequest
        self.broker = broker
        self.forwarded = forwarded
        self.metrics = metrics
        self.times = times
        self.tracing = tracing
        self.logger = logger
        self.now = now
        for shard in connections.shards {
            shard.tellLosses { [node] in LossNotice.publication(lost: $1, of: $0, on: node, at: now()) }
        }
    }

    /// Publications for one audience of a hub that are delivered together.
    private struct Batch {
        let audience: HubAudience
        let writtenWithin: TimeAmount?
        /// For some connections of the audience only. Such a publication is alone.
        let selection: PublicationDetails?
        var publications: [PlacedPublication] = []
        /// About what they take, once encoded.
        var messageBytes = 0
        /// What they keep from being freed while they wait: texts once as they came, and once encoded.
        var keptBytes = 0
        var wanted: [PublicationID] = []

        mutating func append(_ publication: Publication, at position: Position?) {
            self.publications.append(PlacedPublication(publication, at: position))
            self.messageBytes += publication.messageBytes
            self.keptBytes += publication.dataType.isText ? 2 * publication.messageBytes : publication.messageBytes
            if publication.confirmation != .none { self.wanted.append(publication.id) }
        }
    }

    func receive(_ envelopes: [Envelope]) {
        var batch: Batch?
        for envelope in envelopes {
            switch envelope.message {
            case .publication(let publication):
                self.add(publication, at: envelope.position, to: &batch)
            case .receipts(let receipts):
                self.receipts.received(receipts, from: envelope.origin)
            case .close(let request):
                self.handOver(&batch)
                self.close(request)
            case .membership(let request):
                self.handOver(&batch)
                self.change(request)
            case .audience(let command):
                self.handOver(&batch)
                self.carryOut(command)
            case .permission(let request):
                self.handOver(&batch)
                self.carryOut(request)
            case .drain(let id):
                self.shutdownRequest.request(.graceful)
                self.answer([id], count: 1)
            case .probe(let id):
                self.answer([id], count: 1)
            case .transportRequest(let request):
                self.carryOut(request, from: envelope.origin)
            case .transportAnswer(let answer):
                self.forwarded?.received(answer, from: envelope.origin)
            case .trace(let trace):
                self.tracing?.received(trace, from: envelope.origin)
            }
        }
        self.handOver(&batch)
    }

    /// Hubs that have connections on this node.
    var hubs: [HubName] { Array(self.connections.countsByHub.keys) }

    // MARK: - Publications

    private func add(_ publication: Publication, at position: Position?, to batch: inout Batch?) {
        guard !publication.isOver(now: self.now) else {
            self.tracing?.traces.expired(publication, at: position)
            return publication.confirmation == .none ? () : self.answer([publication.id], count: 0)
        }
        let writtenWithin: TimeAmount? =
            if case .written(let milliseconds) = publication.confirmation { .milliseconds(Int64(milliseconds)) } else { nil }
        let audience = HubAudience(hub: publication.hub, audience: publication.audience)
        let selection = publication.details.flatMap { $0.isSelective ? $0 : nil }
        let joins =
            batch.map { open in
                open.audience == audience && open.writtenWithin == nil && writtenWithin == nil
                    && open.selection == nil && selection == nil
                    && open.messageBytes < Self.batchBytes
            } ?? false
        if !joins {
            self.handOver(&batch)
            batch = Batch(audience: audience, writtenWithin: writtenWithin, selection: selection)
        }
        batch?.append(publication, at: position)
    }

    private func handOver(_ batch: inout Batch?) {
        guard let finished = batch.take() else { return }
        let shards = self.connections.shards(of: finished.audience)
        let publications = finished.publications
        let traced = self.tracing?.traces.arrived(publications, hasAudience: !shards.isEmpty)
        guard !shards.isEmpty else { return self.answer(finished.wanted, count: 0) }
        let counter = ReceiptCounter(ids: finished.wanted, parts: shards.count)
        let count = publications.count
        let fanOut = FanOut(
            EncodedBatch(publications),
            to: finished.audience,
            selection: finished.selection,
            bytes: finished.messageBytes
        ) { reach in
            self.metrics.delivered(publications: count, deliveries: reach.deliveries(of: publications))
            self.finish(counter, publications, traced, reach)
        }
        for shard in shards {
            let accepted = shard.submit(
                fanOut,
                publications: count,
                bytes: finished.keptBytes,
                writtenWithin: finished.writtenWithin
            )
            if !accepted {
                self.dropped(count)
                if let traced { self.tracing?.traces.dropped(traced, publications) }
                self.finish(counter, publications, traced, FanOutReach())
            }
        }
    }

    // MARK: - Receipts

    /// The last event loop to finish measures the time, and sends the receipts.
    /// - Parameter traced: see ``MessageTraces/arrived(_:hasAudience:)``.
    private func finish(
        _ counter: ReceiptCounter,
        _ publications: [PlacedPublication],
        _ traced: Int?,
        _ reach: FanOutReach
    ) {
        guard let total = counter.add(reach) else { return }
        if let traced { self.tracing?.traces.delivered(traced, publications, total) }
        let now = self.now()
        for placed in publications { self.times.record(.milliseconds(now - placed.publication.timestamp)) }
        self.answer(counter.ids, total)
    }

    func answer(_ ids: [PublicationID], count: UInt32) { self.answer(ids, FanOutReach(connections: count)) }

    /// Sends the receipts for each node in as few envelopes as possible.
    private func answer(_ ids: [PublicationID], _ reach: FanOutReach) {
        guard !ids.isEmpty else { return }
        for (origin, ids) in Dictionary(grouping: ids, by: \.node) {
            var rest = ids.map { Receipt(id: $0, connections: reach.count(of: $0)) }[...]
            if origin == self.node {
                self.receipts.received(Array(rest), from: origin)
                continue
            }
            while !rest.isEmpty {
                let some = rest.prefix(Limits.maximumReceiptsPerEnvelope)
                rest = rest.dropFirst(some.count)
                // If a receipt is lost, the answer lists this node as missing.
                self.broker.publish(.receipts(Array(some)), to: .node(origin), completion: nil)
            }
        }
    }

    /// The event loop whose queue was full notifies its clients itself.
    private func dropped(_ publications: Int) {
        self.metrics.dropped(publications: publications)
        guard let count = self.dropLog.withLockedValue({ $0.occurred(publications, at: .now()) }) else { return }
        self.logger.warning(
            "Publications dropped: an event loop is too far behind",
            metadata: [LogKey.publications: "\(count)"]
        )
    }
}

extension Publication {
    /// Whether its lifetime has ended. A publication that is delivered at once is never over, even if the clocks of two nodes
    /// differ.
    func isOver(now: () -> Int64) -> Bool {
        guard let seconds = self.details?.secondsToLive else { return false }
        return self.timestamp + Int64(seconds) * 1000 + AudienceCommands.clockTolerance < now()
    }
}
