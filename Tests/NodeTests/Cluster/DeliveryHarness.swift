import Logging
import NIOCore
import NIOEmbedded
import NIOPosix
import TestSupport
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// What the tests of delivery share: one node's delivery, what comes to it, and where it goes.
enum DeliveryHarness {
    static let origin = NodeID(rawValue: 9)

    struct Parts {
        let delivery: Delivery
        let receipts: ReceiptCollector
        let broker: RecordingBroker
        let traces: MessageTraces
        let shutdownRequest: ShutdownRequest
    }

    static func parts(
        _ manager: ConnectionManager,
        eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.any(),
        now: @escaping @Sendable () -> Int64 = { 1_781_330_402_000 },
        times: Histogram = Histogram()
    ) -> Parts {
        let directory = NodeDirectory(
            own: NodeRecord(id: manager.node, name: "own", version: "1", startedAt: 0, leaseMilliseconds: 5000)
        )
        let receipts = ReceiptCollector(eventLoop: eventLoop, directory: directory)
        let broker = RecordingBroker()
        let shutdownRequest = ShutdownRequest()
        let traces = MessageTraces(maximumBytes: 1024 * 1024, now: now)
        let delivery = Delivery(
            connections: manager,
            receipts: receipts,
            requests: self.requests(manager, directory: directory, broker: broker, eventLoop: eventLoop),
            shutdownRequest: shutdownRequest,
            broker: broker,
            metrics: NodeMetrics(),
            times: times,
            tracing: TraceCollector(traces: traces, directory: directory, broker: broker, eventLoop: eventLoop),
            logger: .quiet,
            now: now
        )
        return Parts(
            delivery: delivery,
            receipts: receipts,
            broker: broker,
            traces: traces,
            shutdownRequest: shutdownRequest
        )
    }

    private static func requests(
        _ manager: ConnectionManager,
        directory: NodeDirectory,
        broker: any Broker,
        eventLoop: any EventLoop
    ) -> ConnectionCommands {
        let publisher = Publisher(
            node: manager.node,
            broker: broker,
            receipts: ReceiptCollector(eventLoop: eventLoop, directory: directory),
            now: { 0 }
        )
        let presence = PresenceReporter(
            record: directory.own.record,
            store: MemoryPresenceStore(shared: MemoryPresence()),
            connections: manager,
            directory: directory,
            announcer: Announcer(limit: nil, publisher: publisher, eventLoop: eventLoop),
            metrics: NodeMetrics(),
            logger: .quiet,
            clock: ContinuousClock(),
            name: NodeName("own", isGiven: true),
            isAlive: { _ in false }
        )
        let interest = TopicInterest(broker: broker, clock: ContinuousClock())
        return ConnectionCommands(connections: manager, interest: interest, presence: presence)
    }

    static func envelope(
        _ text: String,
        id: PublicationID = .random(on: Self.origin),
        kind: Publication.Kind = .message,
        in hub: HubName = .default,
        to audience: Audience = .all,
        as dataType: Publication.DataType = .binary,
        confirmation: Publication.Confirmation = .none,
        details: PublicationDetails? = nil
    ) -> Envelope {
        Envelope(
            origin: Self.origin,
            sequence: 1,
            message: .publication(
                Publication(
                    id: id,
                    kind: kind,
                    hub: hub,
                    audience: audience,
                    dataType: dataType,
                    timestamp: 1_781_330_401_000,
                    confirmation: confirmation,
                    details: details,
                    payload: ByteBuffer(string: text)
                )
            )
        )
    }

    /// One embedded loop with sockets on it.
    final class Embedded {
        let loop = EmbeddedEventLoop()
        let manager: ConnectionManager
        let sockets: [EmbeddedWebSocket]

        convenience init(_ count: Int = 2) throws {
            try self.init(compressions: Array(repeating: nil, count: count))
        }

        /// One socket for each.
        convenience init(compressions: [NegotiatedDeflate?]) throws {
            try self.init(compressions.map { (compression: $0, offer: nil) }, endpoint: .plain)
        }

        /// - Parameter clients: what each agreed on, and the WebSocket subprotocol that it offers.
        init(_ clients: [(compression: NegotiatedDeflate?, offer: String?)], endpoint: Endpoint) throws {
            self.manager = ConnectionManager(node: EmbeddedWebSocket.node, eventLoops: [self.loop], pingInterval: .seconds(30))
            let (manager, loop) = (self.manager, self.loop)
            self.sockets = try clients.map { client in
                try EmbeddedWebSocket(
                    endpoint: endpoint,
                    offers: client.offer.map { [$0] } ?? [],
                    compression: client.compression,
                    manager: manager,
                    loop: loop
                )
            }
        }
    }

    static func binary(_ text: String) -> ServerFrame { .binary(Array(text.utf8)) }
}
