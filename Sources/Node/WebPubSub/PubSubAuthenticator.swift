import NIOCore
import NIOHTTP1
import VolaryProtocol

/// Checks the token and the parameters of a handshake of Web PubSub.
struct PubSubAuthenticator: Sendable {
    /// What is needed to ask connect handlers.
    struct Connect: Sendable {
        let handlers: EventHandlers
        /// A new connection id on an event loop of the node.
        let makeID: @Sendable (any EventLoop) -> ConnectionID
    }

    /// Nil: no access keys are configured, and no client may connect.
    let keys: AccessKeys?
    /// Milliseconds since 1970, UTC.
    let now: @Sendable () -> Int64
    /// nil: no handlers are configured.
    var connect: Connect?

    /// - Returns: the client with the user, groups and permissions of its token, or of a connect handler. A client that resumes a connection needs no token.
    func admit(
        _ request: HTTPRequestHead,
        _ client: WebSocketHandshake.Client,
        on eventLoop: any EventLoop
    ) async throws(WebSocketHandshake.Refusal) -> WebSocketHandshake.Client {
        if client.resumes { return client }
        let granted = try await self.grant(request, client)
        guard !(client.spoken.base is RawPubSubProtocol) || RawClientMode(parameters: client.parameters) != nil else {
            throw .badMode
        }
        var client = client
        if let granted {
            // The path may name a user, too. It is unclear which of two is meant.
            guard client.user == nil || granted.client.user == nil || client.user == granted.client.user else {
                throw .unauthorized(.otherUser)
            }
            client.user = granted.client.user ?? client.user
            client.groups = granted.client.groups
            client.permissions = granted.client.permissions
        }
        return try await self.ask(request, client, granted?.claims, on: eventLoop)
    }

    /// - Returns: nil for a client without a token, on a hub that accepts such clients.
    private func grant(
        _ request: HTTPRequestHead,
        _ client: WebSocketHandshake.Client
    ) async throws(WebSocketHandshake.Refusal) -> (claims: PubSubTokenClaims, client: PubSubTokenClaims.Client)? {
        let token: String?
        do throws(TokenError) {
            guard self.keys != nil else { throw .noAccessKey }
            token = try self.token(of: request, client)
            if token == nil, self.connect?.handlers.settings(of: client.hub)?.acceptsAnonymous != true { throw .missing }
        } catch {
            throw .unauthorized(error)
        }
        guard let token else { return nil }
        return try await self.client(of: token, in: client.hub, host: request.headers.first(name: "host"))
    }

    /// What a token gives to its client.
    /// - Parameter host: of the request.
    func client(
        of token: String,
        in hub: HubName,
        host: String?
    ) async throws(WebSocketHandshake.Refusal) -> (claims: PubSubTokenClaims, client: PubSubTokenClaims.Client) {
        let claims: PubSubTokenClaims
        let hosts: [UTF8Text]
        do throws(TokenError) {
            guard let keys else { throw .noAccessKey }
            claims = try await keys.claims(of: token)
            hosts = keys.hosts(ofRequestTo: host)
        } catch {
            throw .unauthorized(error)
        }
        do throws(PubSubTokenFault) {
            return (claims, try claims.client(of: UTF8Text(hub.text), hosts: hosts, now: self.now()))
        } catch {
            switch error {
            case .invalidName(let claim): throw .badClaim(claim)
            case .claim(let claim): throw .unauthorized(.absent(claim))
            case .expired: throw .unauthorized(.expired)
            case .notYetValid: throw .unauthorized(.notYetValid)
            case .audience: throw .unauthorized(.audience)
            }
        }
    }

    /// The token in the query, or else in the header.
    private func token(of request: HTTPRequestHead, _ client: WebSocketHandshake.Client) throws(TokenError) -> String? {
        if let token = client.parameters[PubSubHandshake.tokenParameter], !token.utf8.isEmpty { return token.string }
        return try BearerToken.inAuthorization(request.headers["authorization"])
    }
}
