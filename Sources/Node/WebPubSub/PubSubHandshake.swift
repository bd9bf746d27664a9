import NIOHTTP1
import VolaryBackplane
import VolaryProtocol

/// What is special in the handshakes of Web PubSub's clients.
enum PubSubHandshake {
    static let tokenParameter = UTF8Text(BearerToken.queryParameter)
    /// Present when a client wants to resume a connection.
    static let resumedParameter: UTF8Text = "awps_connection_id"
    static let reconnectionParameter: UTF8Text = "awps_reconnection_token"

    /// - Parameters:
    ///   - request: a valid WebSocket handshake for the endpoint.
    ///   - compression: the negotiated compression.
    /// - Throws: `reliableNotServed` for a client that offers `json.reliable.webpubsub.azure.v1` and no protocol that is served, on a node
    ///   without sessions. Without a selected protocol some of these clients would go on as raw clients, and lose messages.
    static func client(
        _ request: HTTPRequestHead,
        at endpoint: Endpoint,
        hub: HubName,
        compression: NegotiatedDeflate?
    ) throws(WebSocketHandshake.Refusal) -> WebSocketHandshake.Client {
        let parameters = HandshakeQuery.parameters(ofTarget: request.uri)
        let resumes = parameters[self.resumedParameter].map { !$0.utf8.isEmpty } ?? false
        let offered = WebSocketHandshake.subprotocols(of: request)
        var (name, spoken) = endpoint.choose(of: offered)
        let reliable = offered.first { $0.isSame(JSONPubSubProtocol.reliableSubprotocol) }
        if resumes {
            // The protocol stays what it was, whatever is offered.
            name = reliable ?? name ?? offered.first
        } else if name == nil, reliable != nil {
            throw .reliableNotServed
        }
        var client = WebSocketHandshake.Client(
            endpoint: endpoint,
            hub: hub,
            spoken: spoken,
            subprotocol: name,
            compression: compression
        )
        client.parameters = parameters
        client.resumes = resumes
        if let text = endpoint.user(inTarget: request.uri) {
            guard let user = PercentEncoding.decode(text).flatMap({ AudienceName($0) }) else { throw .badUser }
            client.user = user
        }
        return client
    }
}
