import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Lists a connection in presence once the topics of its hub, user and groups are subscribed to, and removes it again.
///
/// Runs on each connection's event loop. Only this type changes ``ApplicationState/listing``.
struct ConnectionListing: Sendable {
    let presence: PresenceReporter<ContinuousClock>
    let interest: TopicInterest<ContinuousClock>

    /// Call when a connection has opened.
    func begin(_ connection: Connection, _ request: ConnectRequest) {
        guard !request.lost(connection.id) else {
            return connection.close(code: .policyViolation, reason: "the connection is open already")
        }
        guard let reservation = request.reservation else { return self.list(connection, holdsTopics: false) }
        if reservation.take() {
            self.becomeMember(connection, groups: request.groups)
        } else {
            self.listLate(connection, groups: request.groups, topics: reservation.topics)
        }
    }

    /// Call when the groups of a connection have changed.
    func changed(_ connection: Connection) {
        if connection.isListed { self.presence.changed(connection.shard.record(of: connection)) }
    }

    /// Removes a connection that is about to be closed from the inventory.
    /// - Returns: whether the connection was listed.
    func withdraw(_ connection: Connection) -> Bool {
        guard case .listed(let holdsTopics) = connection.state.listing else { return false }
        connection.state.listing = .withdrawn(holdsTopics: holdsTopics)
        self.presence.closed(connection.id, in: connection.hub)
        return true
    }

    /// Call when a connection has ended, before its shard forgets its groups.
    func end(_ connection: Connection) {
        let state = connection.state.listing
        connection.state.listing = .unlisted
        if case .waiting(let task, _) = state { task.cancel() }
        if state.isListed { self.presence.closed(connection.id, in: connection.hub) }
        var topics = connection.shard.groups(of: connection).map { Topic.group(connection.hub, $0) }
        if state.holdsTopics { topics += Topic.joined(in: connection.hub, by: connection.user, as: connection.id) }
        self.interest.release(topics)
    }

    // MARK: -

    /// Lists a connection whose topics were not subscribed to at the end of its handshake, once they are. If the connection
    /// closes or the broker shuts down before that, it is not listed.
    private func listLate(_ connection: Connection, groups: Set<AudienceName>, topics: [Topic]) {
        let (id, shard) = (connection.id, connection.shard)
        let task = Task {
            let areLive = await self.interest.retain(topics)
            shard.eventLoop.execute {
                if areLive, let connection = shard.connection(id), connection.isOpen,
                    case .waiting(_, let groups) = connection.state.listing
                {
                    self.becomeMember(connection, groups: groups)
                } else {
                    // The connection is not listed, so `end` does not release these topics.
                    self.interest.release(topics)
                }
            }
        }
        connection.state.listing = .waiting(task, groups: groups)
    }

    /// Joins the groups and lists the connection. From now on publications to its hub, user and groups arrive at this node, so
    /// callers that find the connection in the inventory can push to it.
    private func becomeMember(_ connection: Connection, groups: Set<AudienceName>) {
        self.join(connection, groups)
        self.list(connection, holdsTopics: true)
    }

    /// Joins the groups of the token. A REST caller may have joined the connection to one of them already, or have used up the
    /// maximum of groups. The topics of groups that are not joined here are released.
    private func join(_ connection: Connection, _ groups: Set<AudienceName>) {
        var left: [Topic] = []
        for group in groups {
            let present = connection.shard.groups(of: connection)
            if !present.contains(group), connection.endpoint.groupLimits.hasRoom(for: group, in: present) {
                connection.shard.join(connection, group)
            } else {
                left.append(.group(connection.hub, group))
            }
        }
        self.interest.release(left)
    }

    private func list(_ connection: Connection, holdsTopics: Bool) {
        connection.state.listing = .listed(holdsTopics: holdsTopics)
        self.presence.opened(connection.shard.record(of: connection))
    }
}
