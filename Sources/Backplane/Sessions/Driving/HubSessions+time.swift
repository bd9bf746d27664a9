import NIOCore
import VolaryProtocol

/// What a node does for its sessions from time to time.
extension HubSessions {
    private static let tickTime = TimeAmount.milliseconds(250)
    private static let ticksPerSecond = 4
    /// The link is compared with the store every five seconds.
    private static let ticksPerComparison = 20
    /// Topics in one comparison.
    private static let comparedAtOnce = 1000

    func startTimer() {
        self.timer = self.loop.scheduleRepeatedTask(initialDelay: Self.tickTime, delay: Self.tickTime) { [weak self] _ in
            self?.turn { $0.tick() }
        }
    }

    private func tick() {
        self.ticks += 1
        let now = self.now()
        self.abandonLateAttachments()
        if !self.handles.isEmpty {
            self.update { $0.tick(now: now, into: &$1) }
            self.failLateRequests(now: now)
            if self.ticks % Self.ticksPerSecond == 0 {
                self.storeCheckpoints()
                self.mark()
            }
            if self.ticks % Self.ticksPerComparison == 0 { self.compare() }
        }
        if self.ticks % Self.ticksPerSecond == 0 { self.sweepOnce() }
    }

    private func storeCheckpoints() {
        var taken: [SessionAcknowledgement] = []
        let turn = self.ticks / Self.ticksPerSecond
        self.update { taken = $0.takeCheckpoints(turn: turn, of: self.service.quietSeconds, into: &$1) }
        for start in stride(from: 0, to: taken.count, by: SessionLimits.sessionsPerCall) {
            self.acknowledge(Array(taken[start..<min(start + SessionLimits.sessionsPerCall, taken.count)]))
        }
    }

    /// Compares what was heard with the store's last numbers, some topics at a time.
    private func compare() {
        let topics = self.follower.subscriptions.confirmed
        guard !topics.isEmpty else { return }
        let start = self.comparedTopics % topics.count
        let some = Array((topics[start...] + topics[..<start]).prefix(Self.comparedAtOnce))
        self.comparedTopics = start + some.count
        self.call { store, caller async throws(SessionStoreError) in
            try await store.lastNumbers(of: some, from: caller)
        } arrived: { sessions, numbers, position in
            sessions.update { $0.compare(numbers, at: position, into: &$1) }
        } failed: { _ in
        }
    }

    // MARK: - The sweep

    /// Removes sessions whose window is over, and takes those without owner.
    private func sweepOnce() {
        guard self.sweep.begin() else { return }
        let dead = self.sweep.deadOwners(now: self.now(), grace: self.graceMilliseconds) { $0 == self.node || self.isLive($0) }
        let (store, hub, after) = (self.service.store, self.hub, self.sweep.cursor)
        Task {
            let expired = try? await store.expired(in: hub, limit: SessionSweep.expiredAtOnce)
            let section = try? await store.find(SessionSelection(), in: hub, after: after)
            var left: [NodeID: [OwnedSession]] = [:]
            for node in dead { left[node] = try? await store.sessions(of: node, in: hub, limit: SessionSweep.takenAtOnce) }
            self.turn { [left] sessions in
                for id in expired ?? [] { sessions.expire(id) }
                let lost = sessions.sweep.looked(at: section, now: sessions.now(), grace: sessions.graceMilliseconds) { session in
                    guard let owner = session.owner else { return true }
                    return owner == sessions.node ? sessions.handles[session.id] != nil : sessions.isLive(owner)
                }
                for session in lost { sessions.take(session) }
                // No more while many are under way.
                for (node, owned) in left where !sessions.isLive(node) && sessions.calls < SessionSweep.takenAtOnce {
                    if owned.isEmpty { sessions.sweep.owners.remove(node) }
                    for session in owned { sessions.take(session) }
                }
            }
        }
    }
}

/// The search for sessions without owner. Pure.
///
/// It looks at one section of the hub's sessions after the other, and remembers their owners. The sessions of an owner that is missing are
/// then found in the set of that owner, at once.
struct SessionSweep {
    static let expiredAtOnce = 256
    static let takenAtOnce = 500

    /// Nodes that own sessions, or did.
    var owners: Set<NodeID> = []
    /// Some of them, with the time when they were first missing.
    private var missing: [NodeID: Int64] = [:]
    /// The last session that was looked at; nil at the beginning.
    private(set) var cursor: ConnectionID?
    private var isUnderWay = false
    /// Sessions whose owner was missing when they were last looked at, with the time when that was first so: of this node without client, or
    /// those that the set of their owner lacks.
    private var suspects: [OwnedSession: Int64] = [:]
    private var found: [OwnedSession: Int64] = [:]

    /// - Returns: false while a section is awaited.
    mutating func begin() -> Bool {
        defer { self.isUnderWay = true }
        return !self.isUnderWay
    }

    /// - Parameter grace: milliseconds for which an owner must be missing.
    /// - Returns: owners all of whose sessions are to be taken.
    mutating func deadOwners(now: Int64, grace: Int64, isLive: (NodeID) -> Bool) -> [NodeID] {
        var missing: [NodeID: Int64] = [:]
        for owner in self.owners where !isLive(owner) { missing[owner] = self.missing[owner] ?? now }
        self.missing = missing
        return missing.filter { now - $0.value >= grace }.map(\.key)
    }

    /// - Parameters:
    ///   - section: nil when the store did not answer.
    ///   - grace: milliseconds for which an owner must be missing.
    ///   - isOwned: whether a session is detached, or has a living owner.
    /// - Returns: sessions to be taken from their owner.
    mutating func looked(
        at section: FoundSessions?,
        now: Int64,
        grace: Int64,
        isOwned: (FoundSession) -> Bool
    ) -> [OwnedSession] {
        self.isUnderWay = false
        guard let section else { return [] }
        self.owners.formUnion(section.sessions.lazy.compactMap(\.owner))
        var taken: [OwnedSession] = []
        for found in section.sessions where !isOwned(found) {
            let session = OwnedSession(connection: found.id, fence: found.fence)
            let since = self.suspects[session] ?? now
            if now - since >= grace { taken.append(session) } else { self.found[session] = since }
        }
        self.cursor = section.next
        if self.cursor == nil { (self.suspects, self.found) = (self.found, [:]) }
        return taken
    }
}
