/// A hub for code that no client has called: timers, other services, other hubs.
public struct HubContext<Client>: Sendable {
    public let clients: HubClients<Client>
    public let groups: HubGroups

    init(_ operations: HubOperationsBox) {
        self.clients = HubClients(operations: operations)
        self.groups = HubGroups(operations: operations)
    }
}
