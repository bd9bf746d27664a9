import Logging
import ServiceLifecycle
import VolaryProtocol

/// Closes a node's connections at shutdown: marks the node as not ready, waits for the load balancer to notice, then closes all
/// connections with 1012 in batches. On an immediate shutdown it skips the rest of this and closes all connections at once.
///
/// It is the last of the node's services and so the first to be shut down: the other services keep running until it has ended.
struct Drain<C: Clock>: Service where C.Duration == Duration {
    private static var batchInterval: Duration { .milliseconds(100) }
    /// Smallest number of connections closed at a time, so that a small node closes all of them at once.
    private static var minimumBatch: Int { 100 }
    /// The part of the timeout in which leftover messages of disconnected clients are handled: a tenth.
    private static var leftoverShare: Int { 10 }
    /// How long to wait for closing handshakes on an immediate shutdown.
    private static var immediateTimeout: Duration { .milliseconds(500) }

    let shutdownRequest: ShutdownRequest
    let life: LifecyclePhase
    let connections: ConnectionManager
    /// Tells the clients of HTTP/2 connections to use other connections from now on, and ends polls that wait for other nodes.
    let acceptNoFurtherStreams: @Sendable () -> Void
    /// Announces the drain to the other nodes.
    let announce: @Sendable () -> Void
    /// The number of messages that wait for the link to the other nodes, and of events that handlers have not answered.
    let unsent: @Sendable () -> Int
    /// From not ready to the first closed connection.
    let delay: Duration
    /// After the delay: until all connections must be closed and their messages published.
    let timeout: Duration
    let logger: Logger
    let clock: C

    func run() async throws {
        await Task.first(of: { try? await gracefulShutdown() }, { await self.shutdownRequest.wait(for: .graceful) })
        self.shutdownRequest.request(.graceful)
        self.life.enter(.notReady)
        self.announce()
        self.logger.info("Draining", metadata: [LogKey.connections: "\(self.connections.total)"])
        await Task.first(of: { await self.closeConnections() }, { await self.shutdownRequest.wait(for: .immediate) })
        self.refuseConnections()
        if self.shutdownRequest.isRequested(.immediate), self.connections.total > 0 {
            self.logger.notice("Draining immediately", metadata: [LogKey.connections: "\(self.connections.total)"])
            // Repeated, because the shards do not hold equal numbers of connections.
            while await self.closeSome(self.connections.total) > 0 {}
            await self.awaitEnd(until: self.clock.now.advanced(by: Self.immediateTimeout))
        }
        let remaining = self.connections.total
        if remaining > 0 {
            await self.connections.cutAll()
            self.logger.warning(
                "Connections cut: closing handshakes not finished in time",
                metadata: [LogKey.connections: "\(remaining)"]
            )
        }
    }

    private func refuseConnections() {
        self.life.enter(.draining)
        self.acceptNoFurtherStreams()
    }

    private func closeConnections() async {
        try? await self.clock.sleep(for: self.delay)
        if Task.isCancelled { return }
        self.refuseConnections()
        let end = self.clock.now.advanced(by: self.timeout)
        await self.closeAll(until: end)
        // A lost link may come back, and only this node has these messages.
        while self.unsent() > 0, self.clock.now < end, !Task.isCancelled {
            try? await self.clock.sleep(for: .milliseconds(20))
        }
    }

    /// Spreads the closes over the first half of the timeout, so that the clients do not all reconnect to other nodes at once.
    /// The second half is for the last closing handshakes. Leftover messages of disconnected clients are handled for a tenth of
    /// the timeout, then dropped. Returns when all connections have ended, or at the timeout.
    private func closeAll(until end: C.Instant) async {
        let endOfLeftovers = self.clock.now.advanced(by: self.timeout / Self.leftoverShare)
        let batches = max(1, Int((self.timeout / 2) / Self.batchInterval))
        let batch = max(Self.minimumBatch, (self.connections.total + batches - 1) / batches)
        while self.connections.total > 0, self.clock.now < end, !Task.isCancelled {
            _ = await self.closeSome(batch)
            if self.clock.now >= endOfLeftovers { await self.connections.dropLeftovers() }
            await self.awaitEnd(until: min(self.clock.now.advanced(by: Self.batchInterval), end))
        }
    }

    private func closeSome(_ count: Int) async -> Int {
        await self.connections.closeSome(count, code: .serviceRestart, reason: "the node is going away")
    }

    /// Returns when all connections have ended, or at the deadline. A small node's closing handshakes take less than the batch
    /// interval.
    private func awaitEnd(until deadline: C.Instant) async {
        while self.connections.total > 0, self.clock.now < deadline, !Task.isCancelled {
            try? await self.clock.sleep(for: .milliseconds(5))
        }
    }
}
