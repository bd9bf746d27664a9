import Logging
import NIOConcurrencyHelpers
import VolaryBackplane

/// Polls the other nodes in the presence store: removes dead ones, and keeps the directory up to date.
final class NodePoll<C: Clock>: Sendable where C.Duration == Duration {
    private let store: any PresenceStore
    private let directory: NodeDirectory
    private let announcer: Announcer
    private let metrics: NodeMetrics
    private let logger: Logger
    private let clock: C
    /// After a lost lease: until when the nodes known before are expected to register again.
    private let reregistrationDeadline = NIOLockedValueBox<C.Instant?>(nil)

    /// - Parameter announcer: is told of the connections of dead nodes.
    init(
        store: any PresenceStore,
        directory: NodeDirectory,
        announcer: Announcer,
        metrics: NodeMetrics,
        logger: Logger,
        clock: C
    ) {
        self.store = store
        self.directory = directory
        self.announcer = announcer
        self.metrics = metrics
        self.logger = logger
        self.clock = clock
    }

    /// The store has lost this node's lease, and possibly the other nodes. They have one lease to register again.
    func leaseLost() {
        self.directory.awaitReregistration()
        let lease = Duration.milliseconds(self.directory.own.record.leaseMilliseconds)
        self.reregistrationDeadline.withLockedValue { $0 = self.clock.now.advanced(by: lease) }
        self.metrics.leaseLost()
        self.logger.warning("Presence lease lost: registering again with all connections")
    }

    /// Removes dead nodes.
    func reap() async throws(PresenceError) {
        for dead in try await self.store.reap() {
            self.metrics.reaped(silence: dead.silence)
            self.logger.warning(
                "Dead node removed",
                metadata: [
                    LogKey.node: "\(dead.name)", LogKey.connections: "\(dead.connections.values.reduce(0, +))",
                    LogKey.silence: "\(dead.silence)",
                ]
            )
            self.announcer.connectionsLost(dead.connections)
        }
    }

    /// Updates the directory from the store.
    func refresh() async throws(PresenceError) {
        self.directory.update(try await self.store.nodes())
        let isPastDeadline = self.reregistrationDeadline.withLockedValue { deadline in
            guard let end = deadline, self.clock.now >= end else { return false }
            deadline = nil
            return true
        }
        if isPastDeadline { self.directory.endReregistrationWait() }
    }
}
