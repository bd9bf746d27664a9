import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Carries out what any node of the cluster asks of one of this node's connections: into a group, out of a group, closed.
struct ConnectionCommands: Sendable {
    enum Outcome: Sendable {
        case done
        case unknownConnection
        /// The connection is in as many groups as it may be in, or their names have as many bytes as they may.
        case tooManyGroups
    }

    let connections: ConnectionManager
    let interest: TopicInterest<ContinuousClock>
    let presence: PresenceReporter<ContinuousClock>
    private var listing: ConnectionListing { ConnectionListing(presence: self.presence, interest: self.interest) }

    /// Returns once all that is published to the group from now on reaches the connection, and the presence store has been told.
    ///
    /// The subscription is live before the connection counts as a member, and the connection is one before the caller is told. In a
    /// group already, it stays there.
    func join(_ id: ConnectionID, _ group: AudienceName) async throws(BrokerError) -> Outcome {
        try await self.retain(.group(group))
        let outcome = await self.connections.onShard(of: id) { shard, connection -> (Outcome, Bool) in
            guard connection.isOpen, connection.endpoint.joinsCluster else { return (.unknownConnection, false) }
            let groups = shard.groups(of: connection)
            guard !groups.contains(group) else { return (.done, false) }
            guard PresenceLimits.hasRoom(for: group, in: groups) else { return (.tooManyGroups, false) }
            shard.join(connection, group)
            self.listing.changed(connection)
            return (.done, true)
        }
        guard let (outcome, isNew) = outcome, isNew else {
            await self.interest.release(.group(group))
            return outcome?.0 ?? .unknownConnection
        }
        await self.presence.settled()
        return outcome
    }

    /// Returns once nothing that is published to the group from now on reaches the connection, and the presence store has been told.
    func leave(_ id: ConnectionID, _ group: AudienceName) async -> Outcome {
        let wasMember = await self.connections.onShard(of: id) { shard, connection -> Bool in
            guard shard.groups(of: connection).contains(group) else { return false }
            shard.leave(connection, group)
            self.listing.changed(connection)
            return true
        }
        guard let wasMember else { return .unknownConnection }
        if wasMember {
            await self.interest.release(.group(group))
            await self.presence.settled()
        }
        return .done
    }

    /// Begins the closing handshake. On the connection's event loop.
    /// - Parameter done: called once the presence store has been told that the connection is gone: who is told that it is closed does not
    ///   find it in the inventory any more.
    func close(_ connection: Connection, code: CloseCode, reason: String, done: @escaping @Sendable () -> Void) {
        connection.close(code: code, reason: reason)
        guard self.listing.withdraw(connection) else { return done() }
        Task {
            await self.presence.settled()
            done()
        }
    }

    /// A failed call is taken back at once.
    private func retain(_ topic: Topic) async throws(BrokerError) {
        do {
            try await self.interest.retain(topic)
        } catch {
            await self.interest.release(topic)
            throw error
        }
    }
}
