import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Carries out commands on this node's connections that any node of the cluster has sent: join a group, leave a group, close.
struct ConnectionCommands: Sendable {
    enum Outcome: Sendable {
        case done
        case unknownConnection
        /// The limit of a connection's groups, or of the bytes of their names, is reached (``GroupLimits``), or of its
        /// permissions. Of a check: the client lacks the permission.
        case refused
    }

    let connections: ConnectionManager
    let interest: TopicInterest<ContinuousClock>
    let presence: PresenceReporter<ContinuousClock>
    private var listing: ConnectionListing { ConnectionListing(presence: self.presence, interest: self.interest) }

    /// Returns once everything that is published to the groups from now on reaches the connection, and the presence store has the
    /// change.
    ///
    /// The node subscribes to the groups first, then the connection becomes a member, then the join is confirmed. Groups beyond the
    /// connection's limits are left out.
    func join(_ id: ConnectionID, in hub: HubName, _ groups: [AudienceName]) async throws(BrokerError) -> Outcome {
        let topics = Set(groups).map { Topic.group(hub, $0) }
        guard await self.interest.retain(topics) else {
            self.interest.release(topics)
            throw .closed
        }
        let result = await self.connections.onShard(of: id, in: hub) {
            shard,
            connection -> (Outcome, joined: Set<AudienceName>) in
            guard connection.isOpen, connection.endpoint.joinsCluster else { return (.unknownConnection, []) }
            var joined: Set<AudienceName> = []
            var outcome = Outcome.done
            for group in groups {
                let present = shard.groups(of: connection)
                guard !present.contains(group) else { continue }
                guard connection.endpoint.groupLimits.hasRoom(for: group, in: present) else {
                    outcome = .refused
                    continue
                }
                shard.join(connection, group)
                joined.insert(group)
            }
            if !joined.isEmpty { self.listing.changed(connection) }
            return (outcome, joined)
        }
        let (outcome, joined) = result ?? (.unknownConnection, [])
        self.interest.release(topics.filter { topic in !joined.contains { topic == .group(hub, $0) } })
        if !joined.isEmpty { await self.presence.flushed() }
        return outcome
    }

    /// Returns once nothing that is published to the groups from now on reaches the connection, and the presence store has the
    /// change.
    /// - Parameter groups: nil for all groups of the connection.
    func leave(_ id: ConnectionID, in hub: HubName, _ groups: [AudienceName]? = nil) async -> Outcome {
        let left = await self.connections.onShard(of: id, in: hub) { shard, connection -> Set<AudienceName> in
            let present = shard.groups(of: connection)
            let left = groups.map { present.intersection($0) } ?? present
            for group in left { shard.leave(connection, group) }
            if !left.isEmpty { self.listing.changed(connection) }
            return left
        }
        guard let left else { return .unknownConnection }
        if !left.isEmpty {
            self.interest.release(left.map { .group(hub, $0) })
            await self.presence.flushed()
        }
        return .done
    }

    /// Begins the closing handshake. On the connection's event loop.
    /// - Parameter done: called once the connection is removed from the presence store: after a confirmed close no list contains
    ///   it.
    func close(_ connection: Connection, code: CloseCode, reason: String, done: @escaping @Sendable () -> Void) {
        guard self.dismiss(connection, code, reason: reason) else { return done() }
        Task {
            await self.presence.flushed()
            done()
        }
    }

    /// Begins the closing handshake, without waiting for the presence store. On the connection's event loop.
    /// - Parameter text: see ``CloseReason/dismissal(_:reason:text:)``.
    /// - Returns: whether the connection was listed.
    @discardableResult
    func dismiss(_ connection: Connection, _ code: CloseCode, reason: String, text: String? = nil) -> Bool {
        // Before it is closed: one whose client is gone ends at once.
        let wasListed = self.listing.withdraw(connection)
        connection.close(.dismissal(code, reason: reason, text: text))
        return wasListed
    }

    /// Changes or checks the permissions of a client. On the connection's event loop.
    func carryOut(_ request: PermissionRequest, on connection: Connection) -> Outcome {
        let session = connection.session
        let isDone =
            switch request.action {
            case .grant: session.permissions.grant(request.permission, for: request.group)
            case .revoke: session.permissions.revoke(request.permission, for: request.group)
            case .check:
                request.group.map { session.permissions.allows(request.permission, $0) }
                    ?? session.permissions.allowsAll(request.permission)
            }
        return isDone ? .done : .refused
    }
}
