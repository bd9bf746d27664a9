import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Commands to the nodes that hold connections, for the routes that change connections.
struct PubSubCommands: Sendable {
    /// A join waits for Redis to confirm a subscription and for the presence store.
    private static let timeout = TimeAmount.seconds(5)

    let publisher: Publisher
    let inventory: Inventory
    let sessions: ResumableSessions?
    let directory: NodeDirectory

    /// Changes the connections of an audience.
    /// - Returns: how many connections were changed, once every node that has some has answered.
    @discardableResult
    func change(
        _ audience: Audience,
        in hub: HubName,
        _ action: AudienceCommand.Action,
        _ selection: PublicationDetails? = nil
    )
        async throws -> Int
    {
        var (resumable, isRefused) = (0, false)
        do {
            resumable =
                try await self.ofSessions { sessions async throws(ResumableSessions.Failure) in
                    try await sessions.change(audience, in: hub, action, selection)
                } ?? 0
        } catch is Refused {
            isRefused = true
        }
        if case .connection(let id) = audience {
            guard !isRefused else { throw Refused() }
            if resumable > 0 { return resumable }
            guard try await self.hasNode(of: id, in: hub) else { return 0 }
        }
        let others = try await self.request { () async throws(BrokerError) in
            try await self.publisher.change(
                HubAudience(hub: hub, audience: audience),
                action,
                selection: selection,
                timeout: Self.timeout
            )
        }
        guard !isRefused else { throw Refused() }
        return resumable + others
    }

    /// - Returns: nil without such a connection; otherwise whether the change was possible, or the client has the permission.
    func change(
        _ action: PermissionRequest.Action,
        _ permission: GroupPermission,
        for group: AudienceName?,
        of connection: ConnectionID,
        in hub: HubName
    ) async throws -> Bool? {
        let isDone = try await self.ofSessions { sessions async throws(ResumableSessions.Failure) in
            try await sessions.change(action, permission, for: group, of: connection, in: hub)
        }
        if let isDone = isDone ?? nil { return isDone }
        guard try await self.hasNode(of: connection, in: hub) else { return nil }
        do {
            let count = try await self.request { () async throws(BrokerError) in
                try await self.publisher.change(action, permission, for: group, of: connection, in: hub, timeout: Self.timeout)
            }
            return count > 0 ? true : nil
        } catch is Refused {
            return false
        }
    }

    /// A limit of a connection forbids the change, or a permission is absent.
    struct Refused: Error {}

    /// - Returns: nil on a node without sessions.
    private func ofSessions<Result>(
        _ body: (ResumableSessions) async throws(ResumableSessions.Failure) -> Result
    ) async throws -> Result? {
        guard let sessions else { return nil }
        do throws(ResumableSessions.Failure) {
            return try await body(sessions)
        } catch {
            switch error {
            case .unavailable: throw Problem.pubSubUnavailable
            case .refused: throw Refused()
            }
        }
    }

    private func request(_ send: () async throws(BrokerError) -> PushOutcome) async throws -> Int {
        guard self.publisher.broker.health.isUp else { throw Problem.pubSubUnavailable }
        let result: PushOutcome
        do throws(BrokerError) {
            result = try await send()
        } catch {
            throw Problem(error)
        }
        if result.isRefused { throw Refused() }
        if result.isDegraded { throw Problem.pubSubUnavailable }
        if result.lacksReceipts {
            // Another Redis client may have subscribed, or a node that has died; every node that lives must have answered.
            throw Problem.nodeSilent("Not every node answered in time. They carry out the request when they can.")
        }
        return result.recipients
    }

    /// Whether the node of a connection is alive. A command for another one would wait in the log for nobody.
    private func hasNode(of connection: ConnectionID, in hub: HubName) async throws -> Bool {
        if connection.isRoaming { return try await self.inventory.connection(connection, in: hub) != nil }
        if connection.node == self.directory.ownID || self.directory.expects(connection.node) { return true }
        let isAnswered = await self.inventory.refreshDirectory()
        if self.directory.expects(connection.node) { return true }
        guard isAnswered else { throw Problem.presenceUnavailable }
        return false
    }
}

extension PubSubCommands {
    /// Runs a change of groups. A connection at its limit of groups is a conflict.
    func withConflicts<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch is Refused {
            throw Problem.pubSub(.connectionConflict, "A connection is at its limit of groups.", target: "Connection")
        }
    }
}
