import Logging
import NIOConcurrencyHelpers
import ServiceLifecycle
import VolaryBackplane
import VolaryProtocol

/// Keeps this node's entries in the presence store up to date: its lease and its connections. Also removes dead nodes.
///
/// One task calls the store, one call at a time (``PresenceScheduler``), through ``PresenceWriter`` and ``NodePoll``. Changes that
/// arrive during a call are combined in the next one.
final class PresenceReporter<C: Clock>: Service where C.Duration == Duration {
    private let writer: PresenceWriter
    private let poll: NodePoll<C>
    private let monitor: PresenceHealthMonitor
    private let state: NIOLockedValueBox<PresenceState>
    private let clock: C
    private let interval: Duration
    private let refused: @Sendable (StartRefusal) -> Void
    private let (wakeUps, wakeUp) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    private let (untilEnd, end) = AsyncStream.makeStream(of: Never.self)

    /// - Parameters:
    ///   - record: its lease is renewed five times per lease time, so four renewals in a row may fail.
    ///   - name: the record's.
    ///   - isAlive: whether another node answers a probe. Called at start for the nodes with this node's name.
    ///   - refused: called when such a node answers and the name was configured, or when there are nodes of the former format. The
    ///     node does not register and must stop.
    ///   - awaitsSubscription: whether to register only after ``subscribed()``.
    ///   - pause: called between two updates when changes are already waiting, so that many changes share one update.
    ///   - now: milliseconds since 1970, UTC.
    init(
        record: NodeRecord,
        store: any PresenceStore,
        connections: ConnectionManager,
        directory: NodeDirectory,
        announcer: Announcer,
        metrics: NodeMetrics,
        logger: Logger,
        clock: C,
        name: NodeName,
        isAlive: @escaping @Sendable (NodeID) async throws(PresenceError) -> Bool,
        refused: @escaping @Sendable (StartRefusal) -> Void = { _ in },
        awaitsSubscription: Bool = false,
        pause: @escaping @Sendable () async -> Void = {},
        now: @escaping @Sendable () -> Int64 = UTCClock.now
    ) {
        self.state = NIOLockedValueBox(PresenceState(record: record, canRegister: !awaitsSubscription))
        self.writer = PresenceWriter(
            self.state,
            claim: NodeNameClaim(store: store, name: name, directory: directory, isAlive: isAlive, logger: logger),
            connections: connections,
            announcer: announcer,
            logger: logger,
            pause: pause
        )
        self.poll = NodePoll(
            store: store,
            directory: directory,
            announcer: announcer,
            metrics: metrics,
            logger: logger,
            clock: clock
        )
        self.monitor = PresenceHealthMonitor(logger: logger, now: now)
        self.clock = clock
        self.interval = .milliseconds(record.leaseMilliseconds / 5)
        self.refused = refused
    }

    // MARK: - From any thread

    var health: PresenceHealth { self.monitor.health }

    /// `since`: when the store went up or down, in milliseconds since 1970, UTC. A new reason for being down does not change it.
    var condition: (health: PresenceHealth, since: Int64) { self.monitor.condition }

    /// This node receives probes of other nodes from now on.
    func subscribed() {
        self.state.withLockedValue { $0.canRegister = true }
        self.wakeUp.yield()
    }

    func opened(_ record: ConnectionRecord) {
        self.state.withLockedValue { $0.registration.opened(record) }
        self.wakeUp.yield()
    }

    /// A connection's record has changed.
    func changed(_ record: ConnectionRecord) {
        self.state.withLockedValue { $0.registration.changed(record) }
        self.wakeUp.yield()
    }

    /// Returns once all changes made so far are stored, or the store has failed. After a failure they are retried.
    func flushed() async {
        await withCheckedContinuation { continuation in
            self.state.withLockedValue { $0.wait(continuation) }
            self.wakeUp.yield()
        }
    }

    func closed(_ id: ConnectionID, in hub: HubName) {
        self.state.withLockedValue { $0.registration.closed(id, in: hub) }
        self.wakeUp.yield()
    }

    /// Publishes at once that this node is draining.
    func beginDraining() {
        self.state.withLockedValue { state in
            state.record.draining = true
            state.scheduler.renew()
        }
        self.wakeUp.yield()
    }

    /// Returns once the store is no longer used. For one caller.
    func ended() async { for await _ in self.untilEnd {} }

    // MARK: - The task

    /// Runs until graceful shutdown, then removes this node and its connections from the store.
    func run() async throws {
        defer { self.end.finish() }
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.heartbeat() }
                await self.work()
                group.cancelAll()
            }
        }
        self.state.resumeWaiting()
        await self.writer.unregister()
    }

    /// Wakes the worker at every interval (a fifth of the lease), 10 % more or less, so that nodes started together do not call
    /// Redis at the same time. While the store fails, at most 100 ms apart, so that the node registers again soon after the link
    /// is back.
    private func heartbeat() async {
        while !Task.isCancelled {
            self.wakeUp.yield()
            let interval = self.health == .up ? self.interval : min(self.interval, .milliseconds(100))
            try? await self.clock.sleep(for: interval * Double.random(in: 0.9...1.1), tolerance: .zero)
        }
    }

    private func work() async {
        var nextHeartbeat = self.clock.now
        for await _ in self.wakeUps {
            do throws(PresenceError) {
                while !Task.isCancelled, let call = self.nextCall(&nextHeartbeat) { try await self.perform(call) }
                if self.state.withLockedValue({ $0.canRegister }) { self.monitor.set(.up) }
            } catch {
                self.state.withLockedValue { $0.scheduler = PresenceScheduler() }
                self.monitor.set(.down(reason: "\(error)"))
                // The changes are kept on this node and retried.
                self.state.resumeWaiting()
            }
        }
    }

    /// - Parameter nextHeartbeat: when the next heartbeat is due.
    /// - Returns: nil when everything is stored; callers that wait for that are resumed.
    private func nextCall(_ nextHeartbeat: inout C.Instant) -> PresenceScheduler.Call? {
        let now = self.clock.now
        let isDue = now >= nextHeartbeat
        let (call, waiters, isHeartbeat) = self.state.withLockedValue {
            state -> (PresenceScheduler.Call?, [CheckedContinuation<Void, Never>], Bool) in
            guard state.canRegister else { return (nil, state.takeWaiting(), false) }
            if isDue { state.scheduler.heartbeat() }
            let call = state.scheduler.next(
                isRegistered: state.registration.isRegistered,
                hasChanges: state.registration.hasChanges
            )
            return (call, call == nil ? state.takeWaiting() : [], isDue)
        }
        if isHeartbeat { nextHeartbeat = now.advanced(by: self.interval * 0.9) }
        for continuation in waiters { continuation.resume() }
        return call
    }

    private func perform(_ call: PresenceScheduler.Call) async throws(PresenceError) {
        switch call {
        case .renew: self.handle(try await self.writer.renew())
        case .changes: self.handle(try await self.writer.storeChanges())
        case .reap: try await self.poll.reap()
        // The last call of a heartbeat.
        case .nodes:
            try await self.poll.refresh()
            // Not only when no changes are left: a busy node may always have some.
            if self.state.withLockedValue({ $0.registration.isComplete }) { self.monitor.set(.up) }
        }
    }

    private func handle(_ outcome: PresenceWriter.Outcome) {
        switch outcome {
        case .held: break
        case .lost:
            self.poll.leaseLost()
            self.state.withLockedValue { $0.registration.leaseLost() }
        case .refused(let refusal):
            self.state.withLockedValue { $0.canRegister = false }
            self.monitor.set(.down(reason: refusal.description))
            self.refused(refusal)
        }
    }
}
