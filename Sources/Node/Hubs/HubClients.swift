public import VolaryNode
public import VolaryProtocol

/// The clients of a hub, on all nodes.
public struct HubClients<Client>: Sendable {
    let operations: HubOperationsBox

    public var all: Many<Client> { self.many(.success(.all())) }

    public func allExcept(_ ids: Set<ConnectionID>) -> Many<Client> { self.many(.success(.all(excluding: ids))) }

    public func connection(_ id: ConnectionID) -> One<Client> { One(id: id, operations: self.operations) }

    public func connections(_ ids: [ConnectionID]) -> Several<Client> { Several(clients: ids.map(self.connection)) }

    public func group(_ name: String) -> Many<Client> { self.groupExcept(name, []) }

    public func groupExcept(_ name: String, _ ids: Set<ConnectionID>) -> Many<Client> {
        self.many(Self.name(name).map { .group($0, excluding: ids) })
    }

    public func user(_ name: String) -> Many<Client> { self.many(Self.name(name).map { .user($0) }) }

    private func many(_ target: Result<HubOperations.Target, HubSendError>) -> Many<Client> {
        Many(target: target, operations: self.operations)
    }

    static func name(_ text: String) -> Result<AudienceName, HubSendError> {
        AudienceName(text).map { .success($0) } ?? .failure(.invalidName)
    }
}

/// The clients of a hub, as the caller of a method sees them.
public struct CallerClients<Client>: Sendable {
    private let id: ConnectionID
    private let clients: HubClients<Client>

    init(caller: ConnectionID, operations: HubOperationsBox) {
        self.id = caller
        self.clients = HubClients(operations: operations)
    }

    public var all: Many<Client> { self.clients.all }

    public var caller: One<Client> { self.clients.connection(self.id) }

    public var others: Many<Client> { self.clients.allExcept([self.id]) }

    public func othersIn(_ group: String) -> Many<Client> { self.clients.groupExcept(group, [self.id]) }

    public func allExcept(_ ids: Set<ConnectionID>) -> Many<Client> { self.clients.allExcept(ids) }

    public func connection(_ id: ConnectionID) -> One<Client> { self.clients.connection(id) }

    public func connections(_ ids: [ConnectionID]) -> Several<Client> { self.clients.connections(ids) }

    public func group(_ name: String) -> Many<Client> { self.clients.group(name) }

    public func groupExcept(_ name: String, _ ids: Set<ConnectionID>) -> Many<Client> { self.clients.groupExcept(name, ids) }

    public func user(_ name: String) -> Many<Client> { self.clients.user(name) }
}

/// Some connections. Each gets a message of its own.
public struct Several<Client>: HubTarget {
    let clients: [One<Client>]

    /// - Returns: one receipt for all of them.
    public func call(_ method: String, _ arguments: [HubValue]) async throws -> Receipt {
        var (recipients, isComplete) = (0, true)
        for client in self.clients {
            let receipt = try await client.call(method, arguments)
            recipients += receipt.recipients
            isComplete = isComplete && receipt.isComplete
        }
        return Receipt(recipients: recipients, isComplete: isComplete)
    }
}

/// The groups of a hub. A group begins with its first connection and ends with its last.
public struct HubGroups: Sendable {
    let operations: HubOperationsBox

    /// Returns when everything that is sent to the group from now on reaches the connection. Without effect on a member, and on a
    /// connection that does not exist.
    public func add(_ id: ConnectionID, to group: String) async throws {
        try await self.operations.get().add(id, to: HubClients<Never>.name(group).get())
    }

    /// Returns when nothing that is sent to the group from now on reaches the connection.
    public func remove(_ id: ConnectionID, from group: String) async throws {
        try await self.operations.get().remove(id, from: HubClients<Never>.name(group).get())
    }
}
