import Logging
import Protocol
import ServiceLifecycle

/// Sends a node's clients away when it is told to stop: readiness off, a delay for the load balancer, then 1012 to all, in batches.
///
/// The last of the node's services, and so the first to be shut down: while it runs, everything else still works.
struct Drain<C: Clock>: Service where C.Duration == Duration {
    private static var pace: Duration { .milliseconds(100) }
    /// Connections closed at a time at the least: a small node is done at once.
    private static var smallestBatch: Int { 100 }

    let life: NodeLife
    let connections: ConnectionManager
    /// Tells the other nodes.
    let announce: @Sendable () -> Void
    let delay: Duration
    /// For all connections to be gone, after the delay.
    let timeout: Duration
    let logger: Logger
    let clock: C

    func run() async throws {
        try? await gracefulShutdown()
        self.life.enter(.leaving)
        self.announce()
        self.logger.info("Draining", metadata: [LogKey.connections: "\(self.connections.total)"])
        try? await self.clock.sleep(for: self.delay)
        self.life.enter(.draining)
        let left = await self.closeAll()
        if left > 0 {
            await self.connections.cutAll()
            self.logger.warning("Connections cut: they did not end in time", metadata: [LogKey.connections: "\(left)"])
        }
    }

    /// The first half of the time is for the closes to be spread over, so that clients do not all come to the other nodes at once; the
    /// second is for the last of them to answer.
    /// - Returns: how many connections were left when the time was up.
    private func closeAll() async -> Int {
        let end = self.clock.now.advanced(by: self.timeout)
        let batches = max(1, Int((self.timeout / 2) / Self.pace))
        let batch = max(Self.smallestBatch, (self.connections.total + batches - 1) / batches)
        while self.connections.total > 0, self.clock.now < end {
            _ = await self.connections.closeSome(batch, code: .serviceRestart, reason: "the node is going away")
            // The closing handshakes of a small node are done within a fraction of the pace.
            let next = min(self.clock.now.advanced(by: Self.pace), end)
            while self.connections.total > 0, self.clock.now < next {
                try? await self.clock.sleep(for: .milliseconds(5))
                if Task.isCancelled { return self.connections.total }
            }
        }
        return self.connections.total
    }
}
