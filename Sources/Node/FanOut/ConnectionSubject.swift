import VolaryProtocol

/// A connection, as filters read it. On the connection's event loop.
struct ConnectionSubject: FilterSubject {
    let connection: Connection

    var connectionID: UTF8Text { UTF8Text(self.connection.id.description) }

    var userID: UTF8Text? { self.connection.user.map { UTF8Text($0.text) } }

    var subprotocol: UTF8Text? {
        (self.connection.encoding.clientProtocol as? JSONPubSubProtocol).map { UTF8Text($0.name) }
    }

    var groupCount: Int { self.connection.shard.groups(of: self.connection).count }

    func isMember(of group: UTF8Text) -> Bool {
        AudienceName(group).map { self.connection.shard.groups(of: self.connection).contains($0) } ?? false
    }
}

extension PublicationDetails {
    /// Whether the publication is for this connection of its audience.
    func selects(_ connection: Connection) -> Bool {
        !self.excludes(connection.id) && (self.filter?.matches(ConnectionSubject(connection: connection)) ?? true)
    }
}
