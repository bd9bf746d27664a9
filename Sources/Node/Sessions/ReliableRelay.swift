import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Carries out the actions of clients with resumable connections: each is an operation of their session.
struct ReliableRelay: Sendable {
    let publisher: Publisher

    /// Call when the connection is open.
    func connected(_ connection: Connection, _ ticket: SessionTicket) {
        ticket.take()
        ticket.client.opened(connection, ticket)
    }

    func received(_ action: ClientAction, from connection: Connection, _ client: ResumableClient, done: ActionCompletion) {
        let request: SessionRequest.Action
        switch action.kind {
        case .join(let group): request = .join(group)
        case .leave(let group): request = .leave(group)
        case .send(let send):
            let publication = self.publisher.publication(of: send, from: connection.id, user: connection.user, in: connection.hub)
            request = .publish(HubPublication(publication))
        // There is no event handler.
        case .event, .message: return done(.failure(.failed))
        }
        guard let (hub, handle) = client.session else { return done(.failure(.unreachable)) }
        hub.submit(SessionRequest(request, ackID: action.ackID) { done($0) }, of: handle)
    }

    func acknowledged(_ number: UInt64, by client: ResumableClient) {
        if let (hub, handle) = client.session { hub.acknowledged(number, by: handle) }
    }

    func disconnected(_ connection: Connection, _ client: ResumableClient) {
        if let (hub, handle) = client.session { hub.lost(handle, connection.transport.ending.loss) }
        client.closed()
    }
}

extension TransportEnding {
    /// What becomes of the session of a client whose transport ended so.
    var loss: SessionHandle.Loss {
        switch (self.side, self.code) {
        case (.client, .normal?): .removes(reason: "")
        // A restart of the node, or a close that says nothing about the client.
        case (.client, _), (_, nil), (_, .serviceRestart?), (_, .goingAway?): .detaches
        case (.server, let code?): .removes(reason: "The connection was closed with \(code.rawValue).")
        }
    }
}
