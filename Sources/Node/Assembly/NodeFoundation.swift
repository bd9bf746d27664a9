import Logging
import NIOConcurrencyHelpers
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Objects that all parts of a node use: its identity, clock, log and metrics.
struct NodeFoundation: Sendable {
    let configuration: NodeConfiguration
    let record: NodeRecord
    /// May change after the start if the operator gave no name.
    let name: NodeName
    let logger: Logger
    /// Milliseconds since 1970, UTC.
    let now: @Sendable () -> Int64
    /// The event loop of the links to the other nodes.
    let linkLoop: any EventLoop
    let registry = MetricsRegistry()
    let metrics: NodeMetrics
    let eventMetrics: EventMetrics
    let latencies: LatencyMetrics
    let activity: ActivityLog
    let life = LifecyclePhase()
    let http2 = HTTP2Connections()
    let shutdownRequest = ShutdownRequest()
    /// Set when the node stops because of nodes that it found.
    let refusal = NIOLockedValueBox<StartRefusal?>(nil)

    var id: NodeID { self.record.id }

    init(_ configuration: NodeConfiguration, logger: Logger, linkLoop: any EventLoop) {
        let id = NodeID.random()
        self.configuration = configuration
        self.now = UTCClock.now
        self.name = NodeName(given: configuration.name, port: configuration.port, id: id)
        self.record = NodeRecord(
            id: id,
            name: self.name.text,
            version: NodeServer.version,
            startedAt: UTCClock.now(),
            leaseMilliseconds: configuration.lease.milliseconds
        )
        let named = NodeLogHandler(writingTo: logger.handler, name: self.name)
        self.logger = Logger(label: logger.label) { _ in SampledLogHandler(writingTo: named) }
        self.linkLoop = linkLoop
        self.metrics = NodeMetrics(factory: self.registry)
        self.eventMetrics = EventMetrics(factory: self.registry)
        self.latencies = LatencyMetrics(self.registry)
        // The activity log writes different kinds of lines from one place, and limits the rate of each kind itself.
        self.activity = ActivityLog(metrics: self.metrics, logger: Logger(label: logger.label) { _ in named })
    }
}
