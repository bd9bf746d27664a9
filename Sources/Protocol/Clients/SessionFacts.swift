/// What a session knows of its connection from the start. Constant.
public struct SessionFacts: Hashable, Sendable {
    public let id: ConnectionID
    /// nil for an anonymous client.
    public let user: AudienceName?
    /// Path of the endpoint, without the query: for example `/ws`.
    public let path: String
    /// The WebSocket subprotocol that the node selected, as the endpoint names it; nil for none.
    public let subprotocol: String?

    public init(id: ConnectionID, user: AudienceName?, path: String, subprotocol: String?) {
        self.id = id
        self.user = user
        self.path = path
        self.subprotocol = subprotocol
    }
}
