/// What a session knows of its connection from the start. Constant.
public struct SessionFacts: Hashable, Sendable {
    public let id: ConnectionID
    /// nil for an anonymous client.
    public let user: AudienceName?
    /// Path of the endpoint, without the query: for example `/ws`.
    public let path: String
    /// The WebSocket subprotocol that the node selected, as the endpoint names it; nil for none.
    public let subprotocol: String?
    /// Decoded parameters of the request's query, for a protocol that reads some. The last value of each.
    public let parameters: [UTF8Text: UTF8Text]
    /// What the client may do from the start.
    public let permissions: GroupPermissions
    /// Number of publications to this connection before the session: above 0 when a client resumes its connection.
    public let publicationCount: UInt64
    /// Whether messages to the client may be binary.
    public let carriesBinary: Bool

    public init(
        id: ConnectionID,
        user: AudienceName?,
        path: String,
        subprotocol: String?,
        parameters: [UTF8Text: UTF8Text] = [:],
        permissions: GroupPermissions = .none,
        publicationCount: UInt64 = 0,
        carriesBinary: Bool = true
    ) {
        self.id = id
        self.user = user
        self.path = path
        self.subprotocol = subprotocol
        self.parameters = parameters
        self.permissions = permissions
        self.publicationCount = publicationCount
        self.carriesBinary = carriesBinary
    }
}
