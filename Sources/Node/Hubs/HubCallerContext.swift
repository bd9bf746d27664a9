public import VolaryNode
public import VolaryProtocol

/// The client that calls: a parameter of a method, ``Hub/Caller``.
public struct HubCallerContext<Client>: Sendable {
    private let caller: HubCaller
    /// What the hub sends, and to whom.
    public let clients: CallerClients<Client>
    public let groups: HubGroups

    init(_ caller: HubCaller, _ operations: HubOperationsBox) {
        self.caller = caller
        self.clients = CallerClients(caller: caller.id, operations: operations)
        self.groups = HubGroups(operations: operations)
    }

    /// The id of the connection.
    public var id: ConnectionID { self.caller.id }

    /// nil for an anonymous client.
    public var user: String? { self.caller.user?.text }

    /// Of the client's token.
    public var claims: HubClaims { self.caller.claims }

    /// Name of the client protocol, as in REST.
    public var protocolName: String { self.caller.protocolName }

    /// Ends the connection of the client. Its calls are canceled.
    public func abort() { self.caller.abort() }
}

extension HubCallerContext: InjectedParameter {
    static var isUpload: Bool { false }

    static func take(from reader: inout ArgumentReader) -> HubCallerContext {
        HubCallerContext(reader.call.caller, reader.operations)
    }

    public init(from decoder: any Decoder) throws { throw NotDecodable() }
}
