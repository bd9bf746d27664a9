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

    /// Removes sessions whose window is over, and takes those of dead owners, a page at a time.
    private func sweepOnce() {
        guard self.sweep.begin() else { return }
        let (store, hub, after) = (self.service.store, self.hub, self.sweep.cursor)
        Task {
            let expired = try? await store.expired(in: hub, limit: SessionSweep.expiredAtOnce)
            let page = try? await store.records(in: hub, after: after, limit: SessionSweep.pageSize)
            self.turn { sessions in
                for id in expired ?? [] { sessions.expire(id) }
                let owned = sessions.sweep.looked(at: page, now: sessions.now(), grace: sessions.graceMilliseconds) { record in
                    guard case .attached(let owner) = record.status else { return true }
                    return owner == sessions.node ? sessions.handles[record.id] != nil : sessions.isLive(owner)
                }
                for session in owned { sessions.take(session) }
            }
        }
    }
}

/// The search for sessions without owner, by pages. Pure.
struct SessionSweep {
    static let expiredAtOnce = 256
    static let pageSize = 500

    /// The last session that was looked at; nil at the beginning.
    private(set) var cursor: ConnectionID?
    private var isUnderWay = false
    /// Sessions whose owner was missing when they were last looked at, with the time when that was first so.
    private var suspects: [OwnedSession: Int64] = [:]
    private var found: [OwnedSession: Int64] = [:]

    /// - Returns: false while a page is awaited.
    mutating func begin() -> Bool {
        defer { self.isUnderWay = true }
        return !self.isUnderWay
    }

    /// - Parameters:
    ///   - page: nil when the store did not answer.
    ///   - grace: milliseconds for which an owner must be missing.
    ///   - isOwned: whether a session is detached, or has a living owner.
    /// - Returns: sessions to be taken from their owner.
    mutating func looked(
        at page: [SessionRecord]?,
        now: Int64,
        grace: Int64,
        isOwned: (SessionRecord) -> Bool
    ) -> [OwnedSession] {
        self.isUnderWay = false
        guard let page else { return [] }
        var taken: [OwnedSession] = []
        for record in page where !isOwned(record) {
            let session = OwnedSession(connection: record.id, fence: record.fence)
            let since = self.suspects[session] ?? now
            if now - since >= grace { taken.append(session) } else { self.found[session] = since }
        }
        self.cursor = page.count == Self.pageSize ? page.last?.id : nil
        if self.cursor == nil { (self.suspects, self.found) = (self.found, [:]) }
        return taken
    }
}
