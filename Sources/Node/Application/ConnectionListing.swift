import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Lists connections in presence once what is pushed to their user and groups arrives here, and takes them out again.
///
/// On each connection's event loop. The only one that changes ``ApplicationState/listing``.
struct ConnectionListing: Sendable {
    let presence: PresenceReporter<ContinuousClock>
    let interest: TopicInterest<ContinuousClock>

    /// A connection stands.
    func begin(_ connection: Connection, _ request: ConnectRequest) {
        guard let reservation = request.reservation else { return self.list(connection, holdsUserTopic: false) }
        if reservation.take() {
            self.becomeMember(connection, groups: request.groups)
        } else {
            self.listLate(connection, groups: request.groups, topics: reservation.topics)
        }
    }

    /// Its groups have changed.
    func changed(_ connection: Connection) {
        if connection.isListed { self.presence.changed(connection.shard.record(of: connection)) }
    }

    /// Takes a connection out of the inventory that is about to be closed.
    /// - Returns: whether it was in it.
    func withdraw(_ connection: Connection) -> Bool {
        guard case .listed(let holdsUserTopic) = connection.state.listing else { return false }
        connection.state.listing = .withdrawn(holdsUserTopic: holdsUserTopic)
        self.presence.closed(connection.id)
        return true
    }

    /// A connection has ended. Its shard still knows its groups.
    func end(_ connection: Connection) {
        let state = connection.state.listing
        connection.state.listing = .unlisted
        if case .waiting(let task, _) = state { task.cancel() }
        if state.isListed { self.presence.closed(connection.id) }
        var topics = connection.shard.groups(of: connection).map(Topic.group)
        if state.holdsUserTopic, let user = connection.user { topics.append(.user(user)) }
        self.interest.release(topics)
    }

    // MARK: -

    /// Its topics were not live when its handshake was answered: it is listed once they are. Without subscriptions (it is gone,
    /// or the broker is shut down) it is not.
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
                    // Gone before it counted: nobody else takes it out of the count.
                    self.interest.release(topics)
                }
            }
        }
        connection.state.listing = .waiting(task, groups: groups)
    }

    /// What is pushed to its user and to its groups arrives here from now on: who finds it in the inventory may push to it.
    private func becomeMember(_ connection: Connection, groups: Set<AudienceName>) {
        self.join(connection, groups)
        self.list(connection, holdsUserTopic: connection.user != nil)
    }

    /// The groups of its token. A REST caller may have been quicker with one, or have filled its share: what is not joined is
    /// counted out.
    private func join(_ connection: Connection, _ groups: Set<AudienceName>) {
        var left: [Topic] = []
        for group in groups {
            let present = connection.shard.groups(of: connection)
            if !present.contains(group), PresenceLimits.hasRoom(for: group, in: present) {
                connection.shard.join(connection, group)
            } else {
                left.append(.group(group))
            }
        }
        self.interest.release(left)
    }

    private func list(_ connection: Connection, holdsUserTopic: Bool) {
        connection.state.listing = .listed(holdsUserTopic: holdsUserTopic)
        self.presence.opened(connection.shard.record(of: connection))
    }
}
