import NIOHTTP1

/// Handles WebSocket handshakes on any carrier: validates them, answers refused ones, and creates the transport of an accepted
/// one.
struct WebSocketUpgrade: Sendable {
    /// See ``WebSocketHandshake/validate(_:endpoints:acceptsUserQuery:compresses:)``.
    let endpoints: [Endpoint]
    let acceptsUserQuery: Bool
    let compresses: Bool
    let admission: WebSocketAdmission
    let phase: LifecyclePhase
    let activity: ActivityLog
    let makeTransport: @Sendable (WebSocketAdmission.AdmittedClient) -> WebSocketTransport

    /// Whether WebSockets are accepted.
    var acceptsConnections: Bool { self.phase.phase < .draining }

    /// Whether further requests may follow on an HTTP connection. If not, the next one is the last.
    var keepsConnections: Bool { self.phase.phase == .serving }

    /// - Returns: the client's request, if its handshake is valid and the node accepts WebSockets. Its credentials are checked
    ///   later.
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
