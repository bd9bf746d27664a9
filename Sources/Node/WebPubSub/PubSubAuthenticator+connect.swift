import NIOCore
import NIOHTTP1
import VolaryProtocol

/// Asks the connect handler of a hub.
extension PubSubAuthenticator {
    /// Whether a handler is asked about the client.
    func asksHandler(_ client: WebSocketHandshake.Client) -> Bool {
        !client.resumes && self.handler(of: client.hub) != nil
    }

    /// Whether a handler wants to be told of the end of connections.
    func announcesEnd(in hub: HubName) -> Bool { self.connect?.handlers.settings(of: hub)?.handler(of: .disconnected) != nil }

    private func handler(of hub: HubName) -> EventHandler? { self.connect?.handlers.settings(of: hub)?.handler(of: .connect) }

    /// - Parameters:
    ///   - client: with what its token gives to it.
    ///   - claims: of the token; nil for a client without one.
    /// - Returns: the client as the handler wants it.
    func ask(
        _ request: HTTPRequestHead,
        _ client: WebSocketHandshake.Client,
        _ claims: PubSubTokenClaims?,
        on eventLoop: any EventLoop
    ) async throws(WebSocketHandshake.Refusal) -> WebSocketHandshake.Client {
        guard let connect, let handler = self.handler(of: client.hub) else { return client }
        let id = connect.makeID(eventLoop)
        let event = CloudEvent(
            kind: .system(.connect),
            sender: CloudEvent.Sender(id: id, hub: client.hub, user: client.user, subprotocol: nil),
            number: 0,
            contentType: CloudEvent.jsonType,
            body: ConnectEvent.body(of: request, claims: claims)
        )
        var client = client
        client.id = id
        do throws(EventFailure) {
            let answer = try await connect.handlers.send(event, to: handler)
            try client.apply(try ConnectAnswer(answer), offered: WebSocketHandshake.subprotocols(of: request))
            client.handlerState = try answer.state
            client.handlerCookies.set(by: answer.fields, of: handler.url.origin)
        } catch {
            // Other statuses would say something that is not true of this node.
            if case .status(let status) = error, (400...599).contains(status) { throw .refusedByHandler(status: status) }
            throw .handlerFailed
        }
        return client
    }
}

extension WebSocketHandshake.Client {
    /// - Parameter offered: subprotocols, in the client's order.
    /// - Throws: for a subprotocol that was not offered, or that the node would have to speak and does not.
    fileprivate mutating func apply(_ answer: ConnectAnswer, offered: [String]) throws(EventFailure) {
        if let user = answer.user { self.user = AudienceName(user) }
        if let groups = answer.groups { self.groups = groups }
        if let permissions = answer.permissions { self.permissions = permissions }
        guard let subprotocol = answer.subprotocol else { return }
        guard let name = offered.first(where: { $0.isSame(subprotocol) }) else { throw .invalidAnswer }
        let chosen = self.endpoint.choose(of: [name])
        guard chosen.name != nil || !name.ends(".webpubsub.azure.v1") else { throw .invalidAnswer }
        (self.subprotocol, self.spoken) = (name, chosen.spoken)
    }
}
