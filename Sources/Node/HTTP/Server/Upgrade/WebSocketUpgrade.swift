import NIOHTTP1

/// What a node does with WebSocket handshakes, whatever carries them: judges them, answers for what it refuses, and makes the handler of the
/// connection.
struct WebSocketUpgrade: Sendable {
    /// As of ``WebSocketHandshake/validate(_:acceptsUserQuery:compresses:)``.
    let acceptsUserQuery: Bool
    let compresses: Bool
    let admission: WebSocketAdmission
    let phase: LifecyclePhase
    let activity: ActivityLog
    let makeHandler: @Sendable (WebSocketAdmission.AdmittedClient) -> WebSocketHandler

    /// Whether WebSockets are taken now.
    var acceptsConnections: Bool { self.phase.phase < .draining }

    /// Whether an HTTP connection may have another request; else the one that comes now is its last.
    var keepsConnections: Bool { self.phase.phase == .serving }

    /// - Returns: what the client asks for, when its handshake is good and the node takes WebSockets; whether the client may connect is still to be
    ///   found out.
    func validate(_ head: HTTPRequestHead) throws(WebSocketHandshake.Refusal) -> WebSocketHandshake.Client {
        let client = try WebSocketHandshake.validate(
            head,
            acceptsUserQuery: self.acceptsUserQuery,
            compresses: self.compresses
        )
        try self.admission.access.checkOrigin(head)
        guard self.acceptsConnections else { throw .draining }
        return client
    }
}
