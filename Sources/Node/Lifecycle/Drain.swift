import Logging
import ServiceLifecycle
import VolaryProtocol

/// Sends a node's clients away when it is told to stop: readiness off, a delay for the load balancer, then 1012 to all, in batches. Told to
/// hurry, it skips what is left of that: 1012 to all at once.
///
/// The last of the node's services, and so the first to be shut down: while it runs, everything else still works. Its end is theirs.
struct Drain<C: Clock>: Service where C.Duration == Duration {
    private static var pace: Duration { .milliseconds(100) }
    /// Connections closed at a time at the least: a small node is done at once.
    private static var smallestBatch: Int { 100 }
    /// What part of the time clients that are gone have for what they have left to be handled.
    private static var leftoverShare: Int { 10 }
    /// For all clients to answer when there is no time any more.
    private static var hurriedTimeout: Duration { .milliseconds(500) }

    let shutdownRequest: ShutdownRequest
    let life: LifecyclePhase
    let connections: ConnectionManager
    /// Tells the other nodes.
    let announce: @Sendable () -> Void
    /// How many messages wait for the link to the other nodes.
    let unsent: @Sendable () -> Int
    let delay: Duration
    /// For all connections to be gone, and for what they have said to be on its way, after the delay.
    let timeout: Duration
    let logger: Logger
    let clock: C

    func run() async throws {
        await Task.first(of: { try? await gracefulShutdown() }, { await self.shutdownRequest.wait(for: .graceful) })
        self.shutdownRequest.request(.graceful)
        self.life.enter(.notReady)
        self.announce()
        self.logger.info("Draining", metadata: [LogKey.connections: "\(self.connections.total)"])
        await Task.first(of: { await self.leave() }, { await self.shutdownRequest.wait(for: .immediate) })
        self.life.enter(.draining)
        if self.shutdownRequest.isRequested(.immediate), self.connections.total > 0 {
            self.logger.notice("Draining in a hurry", metadata: [LogKey.connections: "\(self.connections.total)"])
            // More than once: the shards do not hold equally many.
            while await self.closeSome(self.connections.total) > 0 {}
            await self.awaitEnd(until: self.clock.now.advanced(by: Self.hurriedTimeout))
        }
        let left = self.connections.total
        if left > 0 {
            await self.connections.cutAll()
            self.logger.warning("Connections cut: they did not end in time", metadata: [LogKey.connections: "\(left)"])
        }
    }

    private func leave() async {
        try? await self.clock.sleep(for: self.delay)
        if Task.isCancelled { return }
        self.life.enter(.draining)
        let end = self.clock.now.advanced(by: self.timeout)
        await self.closeAll(until: end)
        // A link that is away may come back, and its messages have nobody else.
        while self.unsent() > 0, self.clock.now < end, !Task.isCancelled {
            try? await self.clock.sleep(for: .milliseconds(20))
        }
    }

    /// The first half of the time is for the closes to be spread over, so that clients do not all come to the other nodes at once; the
    /// second is for the last of them to answer. What clients that are gone have left is handled for a tenth of the time, then dropped. Returns when
    /// all connections have ended, or the time is up.
    private func closeAll(until end: C.Instant) async {
        let endOfLeftovers = self.clock.now.advanced(by: self.timeout / Self.leftoverShare)
        let batches = max(1, Int((self.timeout / 2) / Self.pace))
        let batch = max(Self.smallestBatch, (self.connections.total + batches - 1) / batches)
        while self.connections.total > 0, self.clock.now < end, !Task.isCancelled {
            _ = await self.closeSome(batch)
            if self.clock.now >= endOfLeftovers { await self.connections.dropLeftovers() }
            await self.awaitEnd(until: min(self.clock.now.advanced(by: Self.pace), end))
        }
    }

    private func closeSome(_ count: Int) async -> Int {
        await self.connections.closeSome(count, code: .serviceRestart, reason: "the node is going away")
    }

    /// Returns when all connections have ended, or at the deadline. The closing handshakes of a small node are done within a fraction of
    /// the pace.
    private func awaitEnd(until deadline: C.Instant) async {
        while self.connections.total > 0, self.clock.now < deadline, !Task.isCancelled {
            try? await self.clock.sleep(for: .milliseconds(5))
        }
    }
}
