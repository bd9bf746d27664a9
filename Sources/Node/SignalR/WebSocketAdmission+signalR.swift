import NIOHTTP1
import VolaryProtocol

extension WebSocketAdmission {
    /// Whether a client may connect to a hub that it negotiates about.
    /// - Parameter client: as of a handshake.
    func negotiate(
        _ request: HTTPRequestHead,
        _ client: WebSocketHandshake.Client
    ) async throws(WebSocketHandshake.Refusal) {
        let client = try await self.access.admit(request, client)
        if client.endpoint.requiresUser, client.user == nil { throw .unauthorized(.missing) }
    }

    /// Gives a client of SignalR the id that it got when it negotiated, at any node. One client gets it.
    func identify(
        _ client: inout WebSocketHandshake.Client,
        by request: HTTPRequestHead
    ) async throws(WebSocketHandshake.Refusal) {
        guard client.mayHaveNegotiated else { return }
        let values = HandshakeQuery.pairs(ofTarget: request.uri).filter { $0.name.equalsIgnoringCase("id") }.map(\.value)
        guard let text = values.first, !text.utf8.isEmpty else {
            guard client.carrier == .webSocket else { throw .noConnectionID }
            return
        }
        guard values.count == 1, let token = SignalRToken(text.string, now: self.now() / 1000) else { throw .unknownConnection }
        guard !self.isHeld(token.id) else { throw .connectionInUse }
        if let refusal = await self.taken(token.id, in: client.hub) { throw refusal }
        client.id = token.id
    }

    /// As ``take``, and nil once the task is canceled: nobody waits for Redis longer than for subscriptions.
    private func taken(_ id: ConnectionID, in hub: HubName) async -> WebSocketHandshake.Refusal? {
        let (answers, answer) = AsyncStream.makeStream(of: WebSocketHandshake.Refusal?.self)
        Task {
            answer.yield(await self.take(id, hub))
            answer.finish()
        }
        for await refusal in answers { return refusal }
        return nil
    }
}

extension WebSocketHandshake.Client {
    /// Whether it is a client of SignalR.
    var mayHaveNegotiated: Bool { !self.endpoint.chosen.isEmpty && self.spoken === self.endpoint.standard }
}
