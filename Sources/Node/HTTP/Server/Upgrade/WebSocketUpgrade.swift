import NIOHTTP1

/// What a node does with WebSocket handshakes, whatever carries them: validates them, answers refused ones, and makes the transport
/// of an accepted one.
struct WebSocketUpgrade: Sendable {
    /// See ``WebSocketHandshake/validate(_:endpoints:acceptsUserQuery:compresses:)``.
    let endpoints: [Endpoint]
    let acceptsUserQuery: Bool
    let compresses: Bool
    let admission: WebSocketAdmission
    let phase: LifecyclePhase
    let activity: ActivityLog
    let makeTransport: @Sendable (WebSocketAdmission.AdmittedClient) -> WebSocketTransport

    /// Whether WebSockets are taken now.
    var acceptsConnections: Bool { self.phase.phase < .draining }

    /// Whether an HTTP connection may have another request; else the one that comes now is its last.
    var keepsConnections: Bool { self.phase.phase == .serving }

    /// - Returns: the client's request, when its handshake is valid and the node accepts WebSockets. Its credentials are checked later.
    func validate(_ head: HTTPRequestHead) throws(WebSocketHandshake.Refusal) -> WebSocketHandshake.Client {
        let client = try WebSocketHandshake.validate(
            head,
            endpoints: self.endpoints,
            acceptsUserQuery: self.acceptsUserQuery,
            compresses: self.compresses
        )
        try self.admission.access.checkOrigin(head)
        guard self.acceptsConnections else { throw .draining }
        return client
    }
}
