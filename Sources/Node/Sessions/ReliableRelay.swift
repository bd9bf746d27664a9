import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Carries out the actions of clients with resumable connections: each is an operation of their session.
struct ReliableRelay: Sendable {
    let publisher: Publisher
    /// nil: no handlers are configured, and events fail.
    let handlers: EventHandlers?

    /// Call when the connection is open.
    func connected(_ connection: Connection, _ request: ConnectRequest, _ ticket: SessionTicket) {
        ticket.take()
        self.beginEvents(connection, request, ticket)
        ticket.client.opened(connection, ticket)
        // The record of the session is stored, so that every node finds the connection.
        if ticket.record == nil, let events = connection.state.events { self.handlers?.tellConnected(connection, events) {} }
    }

    func received(_ action: ClientAction, from connection: Connection, _ client: ResumableClient, done: ActionCompletion) {
        guard let session = client.session else { return done(.failure(.unreachable)) }
        func submit(_ request: SessionRequest.Action) {
            session.hub.submit(SessionRequest(request, ackID: action.ackID) { done($0) }, of: session.handle)
        }
        switch action.kind {
        case .join(let group): connection.inTurn { _ in submit(.join(group)) }
        case .leave(let group): connection.inTurn { _ in submit(.leave(group)) }
        case .send(let send):
            connection.inTurn { connection in
                guard self.publisher.charge(bytes: send.payload.bytes.readableBytes, to: connection.hub) == nil else {
                    return done(.failure(.overQuota), pause: PubSubRelay.refusalPause)
                }
                let publication = self.publisher.publication(
                    of: send,
                    from: connection.id,
                    user: connection.user,
                    in: connection.hub
                )
                self.publisher.traces?.published(publication)
                submit(.publish(HubPublication(publication)))
            }
        case .event(let event): self.pass(event, action.ackID, of: connection, session, done)
        case .message, .hub: connection.inTurn { _ in done(.failure(.failed)) }
        }
    }

    func acknowledged(_ number: UInt64, by client: ResumableClient) {
        if let session = client.session { session.hub.acknowledged(number, by: session.handle) }
    }

    /// What the client has sent is carried out first. The answers of handlers are kept for a client that resumes the connection.
    func disconnected(_ connection: Connection, _ client: ResumableClient) {
        if let session = client.session {
            let loss = connection.transport.ending.loss
            connection.inTurn { _ in session.hub.lost(session.handle, loss) }
        }
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
