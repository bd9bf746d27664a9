import Logging
import NIOConcurrencyHelpers
import ServiceLifecycle
import VolaryBackplane
import VolaryProtocol

/// Keeps this node's entries in the presence store up to date: its lease and its connections. Also removes dead nodes.
///
/// One task calls the store, one call at a time (``PresenceScheduler``). Changes that arrive during a call are combined in the
/// next one.
final class PresenceReporter<C: Clock>: Service where C.Duration == Duration {
    struct State {
        var record: NodeRecord
        var scheduler = PresenceScheduler()
        var nextHeartbeat: C.Instant
        var registration = PresenceRegistration()
        var hasRegisteredBefore = false
        /// False until other nodes can probe this one, and after its name was found to be taken.
        var canRegister: Bool
        /// After a lost lease: until when the nodes known before are expected to register again.
        var reregistrationDeadline: C.Instant?
        /// Callers that wait until a batch is stored.
        var waiting: [(batch: Int, continuation: CheckedContinuation<Void, Never>)] = []
        var health = PresenceHealth.down(reason: "not registered yet")
        var hasBeenUp = false
        var healthSince: Int64

        /// Clears the record's `registering` mark once all connections are stored.
        mutating func completeRegistration() {
            guard self.record.registering, self.registration.isComplete else { return }
            self.record.registering = false
            self.scheduler.renew()
        }

        /// Removes and returns the callers whose batch is stored.
        mutating func takeWaiting(upTo batch: Int) -> [CheckedContinuation<Void, Never>] {
            let stored = self.waiting.lazy.filter { $0.batch <= batch }.map(\.continuation)
            defer { self.waiting.removeAll { $0.batch <= batch } }
            return Array(stored)
        }
    }

    let store: any PresenceStore
    let connections: ConnectionManager
    let directory: NodeDirectory
    let announcer: Announcer
    let metrics: NodeMetrics
    let logger: Logger
    let clock: C
    private let now: @Sendable () -> Int64
    private let interval: Duration
    let pause: @Sendable () async -> Void
    let name: NodeName
    let isAlive: @Sendable (NodeID) async throws(PresenceError) -> Bool
    let nameIsTaken: @Sendable () -> Void
    let state: NIOLockedValueBox<State>
    private let (wakeUps, wakeUp) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    private let (untilEnd, end) = AsyncStream.makeStream(of: Never.self)

    /// - Parameters:
    ///   - record: its lease is renewed five times per lease time, so four renewals in a row may fail.
    ///   - name: the record's.
    ///   - isAlive: whether another node answers a probe. Called at start for the nodes with this node's name.
    ///   - nameIsTaken: called when such a node answers and the name was configured. The node does not register and must stop.
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
        nameIsTaken: @escaping @Sendable () -> Void = {},
        awaitsSubscription: Bool = false,
        pause: @escaping @Sendable () async -> Void = {},
        now: @escaping @Sendable () -> Int64 = UTCClock.now
    ) {
        self.store = store
        self.connections = connections
        self.directory = directory
        self.announcer = announcer
        self.metrics = metrics
        self.logger = logger
        self.clock = clock
        self.name = name
        self.isAlive = isAlive
        self.nameIsTaken = nameIsTaken
        self.pause = pause
        self.now = now
        self.interval = .milliseconds(record.leaseMilliseconds / 5)
        self.state = NIOLockedValueBox(
            State(record: record, nextHeartbeat: clock.now, canRegister: !awaitsSubscription, healthSince: now())
        )
    }

    // MARK: - From any thread

    var health: PresenceHealth { self.state.withLockedValue { $0.health } }

    /// `since`: when the store went up or down, in milliseconds since 1970, UTC. A new reason for being down does not change it.
    var condition: (health: PresenceHealth, since: Int64) { self.state.withLockedValue { ($0.health, $0.healthSince) } }

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
            self.state.withLockedValue { $0.waiting.append(($0.registration.nextBatch, continuation)) }
            self.wakeUp.yield()
        }
    }

    func closed(_ id: ConnectionID) {
        self.state.withLockedValue { $0.registration.closed(id) }
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
        self.resumeWaiting()
        do {
            try await self.store.unregister(self.directory.ownID)
        } catch {
            self.logger.warning("Presence not removed; it expires with the lease", metadata: [LogKey.error: "\(error)"])
        }
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
        for await _ in self.wakeUps {
            do throws(PresenceError) {
                while !Task.isCancelled, let call = self.nextCall() {
                    switch call {
                    case .renew: try await self.renew()
                    case .changes: try await self.storeChanges()
                    case .reap: try await self.reap()
                    case .nodes: try await self.refreshNodes()
                    }
                }
                if self.state.withLockedValue({ $0.canRegister }) { self.setHealth(.up) }
            } catch {
                self.state.withLockedValue { $0.scheduler = PresenceScheduler() }
                self.setHealth(.down(reason: "\(error)"))
                // The changes are kept on this node and retried.
                self.resumeWaiting()
            }
        }
    }

    /// - Returns: nil when everything is stored; callers that wait for that are resumed.
    private func nextCall() -> PresenceScheduler.Call? {
        let now = self.clock.now
        let (call, waiters) = self.state.withLockedValue {
            state -> (PresenceScheduler.Call?, [CheckedContinuation<Void, Never>]) in
            guard state.canRegister else { return (nil, state.takeWaiting(upTo: .max)) }
            if now >= state.nextHeartbeat {
                state.nextHeartbeat = now.advanced(by: self.interval * 0.9)
                state.scheduler.heartbeat()
            }
            let call = state.scheduler.next(
                isRegistered: state.registration.isRegistered,
                hasChanges: state.registration.hasChanges
            )
            return (call, call == nil ? state.takeWaiting(upTo: .max) : [])
        }
        for continuation in waiters { continuation.resume() }
        return call
    }

    /// - Parameter batch: the last stored one. Default: all waiting callers are resumed.
    func resumeWaiting(upTo batch: Int = .max) {
        for continuation in self.state.withLockedValue({ $0.takeWaiting(upTo: batch) }) { continuation.resume() }
    }

    func setHealth(_ health: PresenceHealth) {
        let (before, isFirst) = self.state.withLockedValue { state in
            defer {
                state.health = health
                state.hasBeenUp = state.hasBeenUp || health == .up
            }
            if (health == .up) != (state.health == .up) { state.healthSince = self.now() }
            return (state.health, !state.hasBeenUp)
        }
        guard before != health else { return }
        switch health {
        // The first time, "Presence registered" says the same.
        case .up: self.logger.log(level: isFirst ? .debug : .info, "Presence store answers")
        case .down(let reason):
            // Before the first success this is not an error: links take a moment to connect, and log their own errors.
            self.logger.log(
                level: before == .up ? .error : .debug,
                "Presence store fails",
                metadata: [LogKey.error: "\(reason)"]
            )
        }
    }
}
