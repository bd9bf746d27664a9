import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Carries out commands on this node's connections that any node of the cluster has sent: join a group, leave a group, close.
struct ConnectionCommands: Sendable {
    enum Outcome: Sendable {
        case done
        case unknownConnection
        /// The limit of a connection's groups, or of the bytes of their names, is reached (``GroupLimits``).
        case tooManyGroups
    }

    let connections: ConnectionManager
    let interest: TopicInterest<ContinuousClock>
    let presence: PresenceReporter<ContinuousClock>
    private var listing: ConnectionListing { ConnectionListing(presence: self.presence, interest: self.interest) }

    /// Returns once everything that is published to the group from now on reaches the connection, and the presence store has the
    /// change.
    ///
    /// The node subscribes to the group first, then the connection becomes a member, then the join is confirmed. Does nothing for
    /// a member.
    func join(_ id: ConnectionID, in hub: HubName, _ group: AudienceName) async throws(BrokerError) -> Outcome {
        try await self.retain(.group(hub, group))
        let outcome = await self.connections.onShard(of: id, in: hub) { shard, connection -> (Outcome, Bool) in
            guard connection.isOpen, connection.endpoint.joinsCluster else { return (.unknownConnection, false) }
            let groups = shard.groups(of: connection)
            guard !groups.contains(group) else { return (.done, false) }
            guard connection.endpoint.groupLimits.hasRoom(for: group, in: groups) else { return (.tooManyGroups, false) }
            shard.join(connection, group)
            self.listing.changed(connection)
            return (.done, true)
        }
        guard let (outcome, isNew) = outcome, isNew else {
            await self.interest.release(.group(hub, group))
            return outcome?.0 ?? .unknownConnection
        }
        await self.presence.flushed()
        return outcome
    }

    /// Returns once nothing that is published to the group from now on reaches the connection, and the presence store has the
    /// change.
    func leave(_ id: ConnectionID, in hub: HubName, _ group: AudienceName) async -> Outcome {
        let wasMember = await self.connections.onShard(of: id, in: hub) { shard, connection -> Bool in
            guard shard.groups(of: connection).contains(group) else { return false }
            shard.leave(connection, group)
            self.listing.changed(connection)
            return true
        }
        guard let wasMember else { return .unknownConnection }
        if wasMember {
            await self.interest.release(.group(hub, group))
            await self.presence.flushed()
        }
        return .done
    }

    /// Begins the closing handshake. On the connection's event loop.
    /// - Parameter done: called once the connection is removed from the presence store: after a confirmed close no list contains
    ///   it.
    func close(_ connection: Connection, code: CloseCode, reason: String, done: @escaping @Sendable () -> Void) {
        // Before it is closed: one whose client is gone ends at once.
        let wasListed = self.listing.withdraw(connection)
        connection.close(.dismissal(code, reason: reason))
        guard wasListed else { return done() }
        Task {
            await self.presence.flushed()
            done()
        }
    }

    /// Releases the topic again when the subscription fails.
    private func retain(_ topic: Topic) async throws(BrokerError) {
        do {
            try await self.interest.retain(topic)
        } catch {
            await self.interest.release(topic)
            throw error
        }
    }
}
