public import Logging
import NIOConcurrencyHelpers
import NIOCore
public import ServiceLifecycle
public import VolaryProtocol

/// A ``SessionStore`` in Redis: ``RedisScript/sessionParts`` lists the keys, `Scripts/Sessions` contains the scripts.
///
/// Each call is one script, on Redis' clock; reading records takes one for each 100 records, or more. A script uses the keys of one hub. While the
/// connection is down, calls fail at once; otherwise they end within the configuration's command timeout.
///
/// A hub's logs are those of the broker: topics without a member and without a subscriber have none, and those without a subscriber have
/// a common limit. ``SessionLimits/hubBytes`` is not enforced.
public final class RedisSessionStore: SessionStore, Service {
    /// Records in one call, and groups of them together: so many take about 2 ms.
    private static let recordsPerCall = 100
    private static let groupsPerCall = 2048

    let scripts: RedisSessionScripts
    private let resolver: MasterResolver
    let limits: SessionLimits
    private let logger: Logger

    /// - Parameters:
    ///   - resolver: shared by all links of this node to Redis, and the owner of the event loop on which the connections live.
    ///   - idleHistoryBytes: as of ``BrokerSettings/idleHistoryBytes``.
    public init(
        resolver: MasterResolver,
        limits: SessionLimits = SessionLimits(),
        idleHistoryBytes: Int = BrokerSettings().idleHistoryBytes,
        logger: Logger
    ) {
        self.scripts = RedisSessionScripts(resolver: resolver, limits: limits, idleHistoryBytes: idleHistoryBytes, logger: logger)
        self.resolver = resolver
        self.limits = limits
        self.logger = logger
    }

    public func run() async throws {
        self.start()
        // Cancellation and graceful shutdown are the same here: there is nothing to send.
        try? await gracefulShutdown()
        self.stop()
    }

    func start() { self.scripts.runner.start() }

    func stop() { self.scripts.runner.stop() }

    /// Opens a node's link to a hub.
    /// - Parameter wake: called when an event arrives at a link without any; from any thread.
    public func openLink(to hub: HubName, for node: NodeID, wake: @escaping @Sendable () -> Void = {}) -> RedisHubLink {
        let link = RedisHubLink(to: hub, for: node, resolver: self.resolver, logger: self.logger, wake: wake)
        link.start()
        return link
    }

    // MARK: - Owners

    public func claim(
        _ connection: ConnectionID,
        tokenHash: [UInt8],
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<ClaimAnswer> {
        let reply = try await self.scripts.evaluate(.claim, [connection.description, Hex.encode(tokenHash)], from: caller)
        return Observed(position: reply.position, loss: reply.loss, answer: try reply.claimAnswer(of: connection))
    }

    public func detach(
        _ session: OwnedSession,
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<SessionAnswer> {
        try await self.about(session, .detach, caller)
    }

    public func take(
        _ session: OwnedSession,
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<SessionAnswer> {
        try await self.about(session, .takeSession, caller)
    }

    public func remove(
        _ removals: [SessionRemoval],
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<[SessionAnswer]> {
        precondition(removals.count <= SessionLimits.sessionsPerCall, "too many sessions")
        let arguments = removals.flatMap { removal in
            [removal.session.connection.description, removal.session.fence.position.description, removal.reason]
        }
        let reply = try await self.scripts.evaluate(.remove, arguments, from: caller)
        return Observed(position: reply.position, loss: reply.loss, answer: try reply.sessionAnswers(removals.count))
    }

    private func about(
        _ session: OwnedSession,
        _ script: RedisScript,
        _ caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<SessionAnswer> {
        let arguments = [session.connection.description, session.fence.position.description]
        let reply = try await self.scripts.evaluate(script, arguments, from: caller)
        return Observed(position: reply.position, loss: reply.loss, answer: try reply.sessionAnswer)
    }

    public func expire(
        _ connection: ConnectionID,
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<SessionAnswer> {
        let arguments = [connection.description, SessionRecord.expiryReason]
        let reply = try await self.scripts.evaluate(.expire, arguments, from: caller)
        return Observed(position: reply.position, loss: reply.loss, answer: try reply.sessionAnswer)
    }

    public func vouch(
        for sessions: [OwnedSession],
        in epoch: UInt64,
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<[SessionAnswer]> {
        precondition(sessions.count <= SessionLimits.sessionsPerCall, "too many sessions")
        let arguments = sessions.flatMap { [$0.connection.description, $0.fence.position.description] }
        let reply = try await self.scripts.evaluate(.vouch, ["\(epoch)"] + arguments, from: caller)
        return Observed(position: reply.position, loss: reply.loss, answer: try reply.sessionAnswers(sessions.count))
    }

    // MARK: - Following

    public func acknowledge(
        _ acknowledgements: [SessionAcknowledgement],
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<[SessionAnswer]> {
        precondition(acknowledgements.count <= SessionLimits.sessionsPerCall, "too many acknowledgements")
        let arguments = acknowledgements.flatMap { acknowledgement in
            let (session, checkpoint) = (acknowledgement.session, acknowledgement.checkpoint)
            return [
                session.connection.description, session.fence.position.description, "\(checkpoint.number)",
                "\(checkpoint.delivered)",
            ]
        }
        let reply = try await self.scripts.evaluate(.acknowledge, arguments, from: caller)
        return Observed(position: reply.position, loss: reply.loss, answer: try reply.sessionAnswers(acknowledgements.count))
    }

    public func read(
        _ read: SessionRead,
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<SessionReadAnswer> {
        // By name, because two names may have one key only if they are equal.
        let topics = Dictionary(read.topics.compactMap { topic in SessionKeys.name(of: topic).map { ($0, topic) } }) { $1 }
        let session = read.session
        let arguments =
            [
                session.connection.description, session.fence.position.description, "\(read.after)",
                "\(SessionLimits.pageEntries)",
                "\(SessionLimits.pageBytes)",
            ] + topics.keys
        let reply = try await self.scripts.evaluate(.readSession, arguments, from: caller)
        return Observed(position: reply.position, loss: reply.loss, answer: try reply.readAnswer(to: read, topics: topics))
    }

    public func mark(from caller: SessionCaller) async throws(SessionStoreError) -> Observed<Void> {
        let reply = try await self.scripts.evaluate(.markHub, [], from: caller)
        return Observed(position: reply.position, loss: reply.loss, answer: ())
    }

    public func lastNumbers(
        of topics: [Audience],
        from caller: SessionCaller
    ) async throws(SessionStoreError) -> Observed<LastNumbers> {
        let names = topics.map { topic in
            if case .connection(let id) = topic { "connection:\(id)" } else { SessionKeys.name(of: topic) ?? "" }
        }
        let reply = try await self.scripts.evaluate(.lastNumbers, names, from: caller)
        return Observed(position: reply.position, loss: reply.loss, answer: try reply.numbers(of: topics))
    }

    // MARK: - Lists

    public func expired(in hub: HubName, limit: Int) async throws(SessionStoreError) -> [ConnectionID] {
        let reply = try await self.scripts.look(.expiredSessions, ["\(limit)"], in: hub)
        return SessionReply.ids(reply).sorted()
    }

    public func sessions(of node: NodeID, in hub: HubName, limit: Int) async throws(SessionStoreError) -> [OwnedSession] {
        let reply = try await self.scripts.look(.sessionsOfNode, [node.description, "\(limit)"], in: hub)
        return SessionReply.ownedSessions(reply)
    }

    public func find(
        _ selection: SessionSelection,
        in hub: HubName,
        after: ConnectionID?
    ) async throws(SessionStoreError) -> FoundSessions {
        let arguments = [
            after?.description ?? "", "\(SessionLimits.sessionsPerSearch)",
            selection.user.map { NameKey($0).description } ?? "", selection.group.map { NameKey($0).description } ?? "",
        ]
        return try SessionReply.foundSessions(try await self.scripts.look(.findSessions, arguments, in: hub))
    }

    public func records(of connections: [ConnectionID], in hub: HubName) async throws(SessionStoreError) -> [SessionRecord] {
        var records: [SessionRecord] = []
        var left = connections[...]
        while !left.isEmpty {
            let some = left.prefix(Self.recordsPerCall).map(\.description)
            let reply = try await self.scripts.look(.sessionRecords, ["\(Self.groupsPerCall)"] + some, in: hub)
            guard let rows = reply.elements, let count = rows.first?.integer, (1...Int64(some.count)).contains(count)
            else { throw SessionReply.wrongShape }
            records += rows.dropFirst().compactMap { SessionRecord(row: $0) }
            left = left.dropFirst(Int(count))
        }
        return records
    }

    public func ended(in hub: HubName, limit: Int) async throws(SessionStoreError) -> [EndedSession] {
        SessionReply.endedSessions(try await self.scripts.look(.endedSessions, ["\(limit)"], in: hub))
    }

    public func confirmEnded(_ connections: [ConnectionID], in hub: HubName) async throws(SessionStoreError) {
        _ = try await self.scripts.look(.confirmEnded, connections.map(\.description), in: hub)
    }
}
