import Logging
import NIOConcurrencyHelpers
import ServiceLifecycle
import VolaryBackplane
import VolaryProtocol

/// Keeps this node's part of the presence store true: lease, connections, and the removal of nodes that died.
///
/// One task talks to the store, one call at a time, see ``PresenceScheduler``; changes that come meanwhile go together in the next call.
final class PresenceReporter<C: Clock>: Service where C.Duration == Duration {
    struct State {
        var record: NodeRecord
        var turns = PresenceScheduler()
        var nextBeat: C.Instant
        var registration = PresenceRegistration()
        var hasRegisteredBefore = false
        /// Not before others can ask whether it lives, and not under a name that it may not have.
        var mayRegister: Bool
        /// Until when nodes that were there before a lost lease are expected back.
        var awaitsOthersUntil: C.Instant?
        /// Those that wait until the store has a batch.
        var waiting: [(batch: Int, continuation: CheckedContinuation<Void, Never>)] = []
        var health = PresenceHealth.down(reason: "not registered yet")
        var hasBeenUp = false
        var healthSince: Int64

        /// Says that the list is whole, as soon as it is.
        mutating func completeRegistration() {
            guard self.record.registering, self.registration.isWhole else { return }
            self.record.registering = false
            self.turns.renew()
        }

        /// Those whose batch has been told.
        mutating func takeWaiting(upTo batch: Int) -> [CheckedContinuation<Void, Never>] {
            let told = self.waiting.lazy.filter { $0.batch <= batch }.map(\.continuation)
            defer { self.waiting.removeAll { $0.batch <= batch } }
            return Array(told)
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
    let isLiving: @Sendable (NodeID) async throws(PresenceError) -> Bool
    let nameIsTaken: @Sendable () -> Void
    let state: NIOLockedValueBox<State>
    private let (wakeUps, wakeUp) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    private let (untilEnd, end) = AsyncStream.makeStream(of: Never.self)

    /// - Parameters:
    ///   - record: its lease is renewed five times over, so that four renewals in a row may fail.
    ///   - name: the record's.
    ///   - isLiving: whether another node answers; asked, as this one starts, of those that have its name.
    ///   - nameIsTaken: called when one of them does and the name was given: the node does not register, and is to end.
    ///   - awaitsSubscription: whether to register only after ``subscribed()``.
    ///   - pause: called between two updates of which the second was waiting for the first: in a storm more gathers for one.
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
        isLiving: @escaping @Sendable (NodeID) async throws(PresenceError) -> Bool,
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
        self.isLiving = isLiving
        self.nameIsTaken = nameIsTaken
        self.pause = pause
        self.now = now
        self.interval = .milliseconds(record.leaseMilliseconds / 5)
        self.state = NIOLockedValueBox(
            State(record: record, nextBeat: clock.now, mayRegister: !awaitsSubscription, healthSince: now())
        )
    }

    // MARK: - From any thread

    var health: PresenceHealth { self.state.withLockedValue { $0.health } }

    /// With the time since when the store has been up, or down for whatever reasons: milliseconds since 1970, UTC.
    var condition: (health: PresenceHealth, since: Int64) { self.state.withLockedValue { ($0.health, $0.healthSince) } }

    /// Other nodes that ask this one whether it lives are heard from now on.
    func subscribed() {
        self.state.withLockedValue { $0.mayRegister = true }
        self.wakeUp.yield()
    }

    func opened(_ record: ConnectionRecord) {
        self.state.withLockedValue { $0.registration.opened(record) }
        self.wakeUp.yield()
    }

    /// What is known of a connection has changed.
    func changed(_ record: ConnectionRecord) {
        self.state.withLockedValue { $0.registration.changed(record) }
        self.wakeUp.yield()
    }

    /// Returns once the store has all changes made so far, or has failed to take them: it gets them later then.
    func settled() async {
        await withCheckedContinuation { continuation in
            self.state.withLockedValue { $0.waiting.append(($0.registration.nextBatch, continuation)) }
            self.wakeUp.yield()
        }
    }

    func closed(_ id: ConnectionID) {
        self.state.withLockedValue { $0.registration.closed(id) }
        self.wakeUp.yield()
    }

    /// Lets the other nodes know, at once, that this one is going away.
    func beginDraining() {
        self.state.withLockedValue { state in
            state.record.draining = true
            state.turns.renew()
        }
        self.wakeUp.yield()
    }

    /// Returns once the store is not used any more. For one caller.
    func ended() async { for await _ in self.untilEnd {} }

    // MARK: - The task

    /// Runs until graceful shutdown, which takes this node and its connections out of the store.
    func run() async throws {
        defer { self.end.finish() }
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.beat() }
                await self.work()
                group.cancelAll()
            }
        }
        self.resumeWaiting()
        do {
            try await self.store.unregister(self.directory.ownID)
        } catch {
            self.logger.warning("Presence not removed: it expires with the lease", metadata: [LogKey.error: "\(error)"])
        }
    }

    /// Wakes the worker at every interval, a tenth more or less: nodes started together do not beat together. More often while the
    /// store fails: without its link it says so at once, and with it the node should be back at once.
    private func beat() async {
        while !Task.isCancelled {
            self.wakeUp.yield()
            let interval = self.health == .up ? self.interval : min(self.interval, .milliseconds(100))
            try? await self.clock.sleep(for: interval * Double.random(in: 0.9...1.1), tolerance: .zero)
        }
    }

    private func work() async {
        for await _ in self.wakeUps {
            do throws(PresenceError) {
                while !Task.isCancelled, let turn = self.nextTurn() {
                    switch turn {
                    case .renewal: try await self.renew()
                    case .changes: try await self.tellChanges()
                    case .reaping: try await self.reap()
                    case .nodes: try await self.look()
                    }
                }
                if self.state.withLockedValue({ $0.mayRegister }) { self.became(.up) }
            } catch {
                self.state.withLockedValue { $0.turns = PresenceScheduler() }
                self.became(.down(reason: "\(error)"))
                // The changes stand on this node, and are retried.
                self.resumeWaiting()
            }
        }
    }

    /// - Returns: nil when the store has everything; whoever waits for that is told.
    private func nextTurn() -> PresenceScheduler.Turn? {
        let now = self.clock.now
        let (turn, settled) = self.state.withLockedValue {
            state -> (PresenceScheduler.Turn?, [CheckedContinuation<Void, Never>]) in
            guard state.mayRegister else { return (nil, state.takeWaiting(upTo: .max)) }
            if now >= state.nextBeat {
                state.nextBeat = now.advanced(by: self.interval * 0.9)
                state.turns.beat()
            }
            let turn = state.turns.next(
                isRegistered: state.registration.isRegistered,
                hasChanges: state.registration.hasChanges
            )
            return (turn, turn == nil ? state.takeWaiting(upTo: .max) : [])
        }
        for continuation in settled { continuation.resume() }
        return turn
    }

    /// - Parameter batch: the last that the store has; by default whoever waits is told.
    func resumeWaiting(upTo batch: Int = .max) {
        for continuation in self.state.withLockedValue({ $0.takeWaiting(upTo: batch) }) { continuation.resume() }
    }

    func became(_ health: PresenceHealth) {
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
        // At first it is no news: "Presence registered" says as much.
        case .up: self.logger.log(level: isFirst ? .debug : .info, "Presence store answers")
        case .down(let reason):
            // Not up yet is no failure: the links take a moment, and say themselves what is wrong with them.
            self.logger.log(
                level: before == .up ? .error : .debug,
                "Presence store fails",
                metadata: [LogKey.error: "\(reason)"]
            )
        }
    }
}

/// Whether this node's part of the presence store is kept.
enum PresenceHealth: Hashable, Sendable {
    case up
    /// The text is for operators.
    case down(reason: String)
}
