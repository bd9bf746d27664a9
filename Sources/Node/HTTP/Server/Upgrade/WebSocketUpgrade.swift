import NIOCore
import NIOHTTP1

/// Handles WebSocket handshakes on any carrier: validates them, answers refused ones, and creates the transport of an accepted
/// one.
struct WebSocketUpgrade: Sendable {
    typealias Decision = Result<WebSocketAdmission.AdmittedClient, WebSocketHandshake.Refusal>

    /// See ``WebSocketHandshake/validate(_:isExtendedConnect:endpoints:acceptsUserQuery:compresses:)``.
    let endpoints: [Endpoint]
    let acceptsUserQuery: Bool
    let compresses: Bool
    let admission: WebSocketAdmission
    let phase: LifecyclePhase
    let activity: ActivityLog
    let makeTransport: @Sendable (WebSocketAdmission.AdmittedClient, WebSocketCarrier) -> WebSocketTransport

    /// Whether WebSockets are accepted.
    var acceptsConnections: Bool { self.phase.phase < .draining }

    /// Whether further requests may follow on an HTTP connection. If not, the next one is the last.
    var keepsConnections: Bool { self.phase.phase == .serving }

    /// - Returns: the client's request, if its handshake is valid and the node accepts WebSockets. Its credentials are checked
    ///   later.
    func validate(
        _ head: HTTPRequestHead,
        isExtendedConnect: Bool = false
    ) throws(WebSocketHandshake.Refusal) -> WebSocketHandshake.Client {
        let client = try WebSocketHandshake.validate(
            head,
            isExtendedConnect: isExtendedConnect,
            endpoints: self.endpoints,
            acceptsUserQuery: self.acceptsUserQuery,
            compresses: self.compresses
        )
        try self.admission.checkOrigin(head, client)
        guard self.acceptsConnections else { throw .draining }
        return client
    }

    /// Decides whether a client with a valid handshake may connect.
    /// - Parameter decided: called once, on the event loop: at once if nothing has to be awaited.
    func admit(
        _ head: HTTPRequestHead,
        _ client: WebSocketHandshake.Client,
        on eventLoop: any EventLoop,
        decided: @escaping (Decision) -> Void
    ) {
        guard self.admission.needsTime(for: client) else {
            return decided(.success(WebSocketAdmission.AdmittedClient(client: client)))
        }
        let decided = NIOLoopBound(decided, eventLoop: eventLoop)
        let task = Task {
            let result: Decision
            do throws(WebSocketHandshake.Refusal) {
                result = .success(try await self.admission.admit(head, client, on: eventLoop))
            } catch {
                result = .failure(error)
            }
            eventLoop.execute {
                // The node may have begun to drain in the meantime.
                if case .success = result, !self.acceptsConnections { return decided.value(.failure(.draining)) }
                decided.value(result)
            }
        }
        if let time = self.admission.maximumTime(for: client) { eventLoop.scheduleTask(in: time) { task.cancel() } }
    }
}
