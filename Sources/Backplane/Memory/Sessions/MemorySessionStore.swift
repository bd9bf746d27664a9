import NIOConcurrencyHelpers
public import VolaryProtocol

/// A ``SessionStore`` for the nodes of one process, which share the instance. It never throws, unless a test makes it lose answers or go
/// away.
public final class MemorySessionStore: SessionStore {
    struct State {
        var hubs: [HubName: MemoryHub] = [:]
        var links: [HubName: [MemoryHubLink]] = [:]
        var process: UInt64 = 1
        var rules = SessionRules.all
        var replica: [HubName: MemoryHub]?
        var lostAnswers = 0
        var sparedAnswers = 0
        var isAway = false
    }

    let limits: SessionLimits
    private let now: @Sendable () -> Int64
    private let relay: MemoryRelay
    let state = NIOLockedValueBox(State())

    /// - Parameter now: milliseconds since 1970; the store's clock.
    public convenience init(limits: SessionLimits = SessionLimits(), now: @escaping @Sendable () -> Int64 = UTCClock.now) {
        self.init(limits: limits, relay: MemoryRelay(), now: now)
    }

    /// - Parameter relay: of the brokers that get what sessions publish.
    init(limits: SessionLimits = SessionLimits(), relay: MemoryRelay, now: @escaping @Sendable () -> Int64 = UTCClock.now) {
        self.limits = limits
        self.relay = relay
        self.now = now
    }

    /// Opens a node's link to a hub.
    /// - Parameter wake: called when an event arrives at a link without any; from any thread, outside of the store's locks.
    public func openLink(to hub: HubName, for node: NodeID, wake: @escaping @Sendable () -> Void = {}) -> MemoryHubLink {
        let link = MemoryHubLink(node: node, wake: wake) { [weak self] in self?.closeLink($0, to: hub) }
        self.state.withLockedValue { $0.links[hub, default: []].append(link) }
        return link
    }

    private func closeLink(_ link: MemoryHubLink, to hub: HubName) {
        self.state.withLockedValue { state in
            state.links[hub]?.removeAll { $0 === link }
            if state.links[hub]?.isEmpty == true { state.links[hub] = nil }
        }
    }

    public func execute(
        _ operations: [SequencedOperation],
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> [Observed<OperationAnswer>] {
        var answers: [Observed<OperationAnswer>] = []
        for one in operations {
            do throws(SessionStoreError) {
                answers.append(try self.execute(one.operation, as: one.sequence, from: caller))
            } catch {
                if answers.isEmpty { throw error }
                break
            }
        }
        return answers
    }

    private func execute(
        _ operation: SessionOperation,
        as sequence: OperationSequence,
        from caller: SessionCaller
    ) throws(SessionStoreError) -> Observed<OperationAnswer> {
        try self.find()
        func execute() -> Executed<OperationAnswer> {
            self.execute(caller) { $0.execute(operation, as: sequence, from: caller) }
        }
        switch operation {
        case .attach: return try self.finish(self.relay.order(caller.hub, execute))
        case .publish(let publication, _):
            let executed = self.relay.publish(publication.publication, from: caller.node) {
                let executed = execute()
                return (executed, executed.observed.answer == .executed ? executed.observed.position : nil)
            }
            guard let executed else { throw .unavailable("the inbox of a node is full") }
            return try self.finish(executed)
        case .change, .close: return try self.finish(execute())
        }
    }

    public func claim(
        _ connection: ConnectionID,
        tokenHash: [UInt8],
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<ClaimAnswer> {
        try self.run(caller) { ($0.claim(connection, tokenHash: tokenHash, from: caller), nil) }
    }

    public func detach(
        _ session: OwnedSession,
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<SessionAnswer> {
        try self.run(caller) { ($0.detach(session, from: caller), nil) }
    }

    public func acknowledge(
        _ acknowledgements: [SessionAcknowledgement],
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<[SessionAnswer]> {
        precondition(acknowledgements.count <= SessionLimits.sessionsPerCall, "too many acknowledgements")
        return try self.run(caller) { ($0.acknowledge(acknowledgements, from: caller), nil) }
    }

    public func read(
        _ read: SessionRead,
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<SessionReadAnswer> {
        try self.run(caller) { ($0.read(read, from: caller), nil) }
    }

    public func vouch(
        for sessions: [OwnedSession],
        in epoch: UInt64,
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<[SessionAnswer]> {
        precondition(sessions.count <= SessionLimits.sessionsPerCall, "too many sessions")
        return try self.run(caller) { ($0.vouch(for: sessions, in: epoch, from: caller), nil) }
    }

    public func take(
        _ session: OwnedSession,
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<SessionAnswer> {
        try self.run(caller) { ($0.take(session, from: caller), nil) }
    }

    public func remove(
        _ removals: [SessionRemoval],
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<[SessionAnswer]> {
        precondition(removals.count <= SessionLimits.sessionsPerCall, "too many sessions")
        return try self.run(caller) { ($0.remove(removals, from: caller), nil) }
    }

    public func expire(
        _ connection: ConnectionID,
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<SessionAnswer> {
        try self.run(caller) { ($0.expire(connection, from: caller), nil) }
    }

    public func mark(from caller: SessionCaller) async throws(SessionStoreError) -> Observed<Void> {
        try self.run(caller) { ($0.mark(from: caller), nil) }
    }

    public func lastNumbers(
        of topics: [Audience],
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<LastNumbers> {
        try self.run(caller) { ($0.lastNumbers(of: topics, from: caller), nil) }
    }

    public func expired(in hub: HubName, limit: Int) async throws(SessionStoreError) -> [ConnectionID] {
        self.look(hub) { $0.expired(limit: limit) }
    }

    public func sessions(of node: NodeID, in hub: HubName, limit: Int) async throws(SessionStoreError) -> [OwnedSession] {
        self.look(hub) { hub in
            let owned = hub.records.values.filter { $0.status == .attached(node) }.sorted { $0.id < $1.id }
            return owned.prefix(limit).map { OwnedSession(connection: $0.id, fence: $0.fence) }
        }
    }

    public func find(
        _ selection: SessionSelection,
        in hub: HubName,
        after: ConnectionID?
    ) async throws(SessionStoreError) -> FoundSessions {
        self.look(hub) { $0.find(selection, after: after) }
    }

    public func records(of connections: [ConnectionID], in hub: HubName) async throws(SessionStoreError) -> [SessionRecord] {
        self.look(hub) { hub in connections.compactMap { hub.records[$0] } }
    }

    public func ended(in hub: HubName, limit: Int) async throws(SessionStoreError) -> [EndedSession] {
        self.look(hub) { $0.ended.first(limit) }
    }

    public func confirmEnded(_ connections: [ConnectionID], in hub: HubName) async throws(SessionStoreError) {
        self.look(hub) { hub in for connection in connections { hub.ended.confirm(connection) } }
    }

    // MARK: - Execution

    private struct Executed<Answer: Sendable> {
        let observed: Observed<Answer>
        let woken: [MemoryHubLink]
        let isAnswerLost: Bool
    }

    private func run<Answer>(
        _ caller: SessionCaller,
        _ script: (inout MemoryHub) -> (Answer, UInt64?)
    ) throws(SessionStoreError) -> Observed<Answer> {
        try self.find()
        return try self.finish(self.execute(caller, script))
    }

    private func find() throws(SessionStoreError) {
        guard !self.state.withLockedValue({ $0.isAway }) else { throw .unavailable("away") }
    }

    /// Executes a script, and pushes what it pushes.
    private func execute<Answer>(
        _ caller: SessionCaller,
        _ script: (inout MemoryHub) -> (Answer, UInt64?)
    ) -> Executed<Answer> {
        let now = self.now()
        return self.state.withLockedValue { state in
            var hub = state.hubs.removeValue(forKey: caller.hub) ?? MemoryHub(limits: self.limits, process: state.process)
            hub.now = now
            hub.rules = state.rules
            let (answer, number) = script(&hub)
            let position = Position(epoch: hub.position.epoch, number: number ?? hub.position.number)
            let loss = hub.head?.lostAbove(caller.seen, rules: state.rules).map { lostAbove in
                EpochLoss(
                    above: lostAbove,
                    lastOperation: hub.operations[caller.node]?.last ?? 0,
                    isTotal: caller.seen.map { hub.head?.wasEmpty(since: $0) == true } ?? false,
                    lost: hub.head?.lost
                )
            }
            let woken = state.push(&hub, of: caller.hub).woken
            state.hubs[caller.hub] = hub
            return Executed(
                observed: Observed(position: position, loss: loss, answer: answer),
                woken: woken,
                isAnswerLost: state.losesAnswer()
            )
        }
    }

    private func finish<Answer>(_ executed: Executed<Answer>) throws(SessionStoreError) -> Observed<Answer> {
        for link in executed.woken { link.wake() }
        guard !executed.isAnswerLost else { throw .unavailable("the answer was lost") }
        return executed.observed
    }

    /// Appends a publication that a broker got to the order of its hub. Called by the relay under its lock.
    func append(_ publication: Publication) -> MemoryRelay.Ordered {
        let now = self.now()
        return self.state.withLockedValue { state in
            var hub = state.hubs.removeValue(forKey: publication.hub) ?? MemoryHub(limits: self.limits, process: state.process)
            defer { state.hubs[publication.hub] = hub }
            hub.now = now
            hub.rules = state.rules
            hub.enter(nil)
            guard !hub.records.isEmpty else {
                let number = hub.nextNumber()
                return .appended(at: Position(epoch: hub.position.epoch, number: number), receivers: 0, woken: [])
            }
            switch hub.publish(HubPublication(publication)).answer {
            case .executed: break
            default: return .full
            }
            let (receivers, woken) = state.push(&hub, of: publication.hub)
            return .appended(at: hub.position, receivers: receivers, woken: woken)
        }
    }

    /// The position of a hub; nil before its first operation.
    func position(of hub: HubName) -> Position? { self.state.withLockedValue { $0.hubs[hub]?.head?.position } }

    private func look<Result>(_ hub: HubName, _ body: (inout MemoryHub) -> Result) -> Result {
        let now = self.now()
        return self.state.withLockedValue { state in
            let present = state.hubs.removeValue(forKey: hub)
            var data = present ?? MemoryHub(limits: self.limits, process: state.process)
            data.now = now
            let result = body(&data)
            if present != nil { state.hubs[hub] = data }
            return result
        }
    }
}

extension MemorySessionStore.State {
    fileprivate mutating func losesAnswer() -> Bool {
        guard self.lostAnswers > 0 else { return false }
        if self.sparedAnswers > 0 {
            self.sparedAnswers -= 1
            return false
        }
        self.lostAnswers -= 1
        return true
    }

    /// Gives the links what a script pushes.
    /// - Returns: how many links took something, and those to wake.
    fileprivate func push(_ hub: inout MemoryHub, of name: HubName) -> (receivers: Int, woken: [MemoryHubLink]) {
        let pushes = hub.pushes
        guard !pushes.isEmpty, let links = self.links[name] else {
            hub.pushes = []
            return (0, [])
        }
        hub.pushes = []
        var (receivers, woken) = (0, [MemoryHubLink]())
        for push in pushes {
            for link in links {
                let (isTaken, mustWake) = link.take(push)
                if isTaken { receivers += 1 }
                if mustWake { woken.append(link) }
            }
        }
        return (receivers, woken)
    }
}
