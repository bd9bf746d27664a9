import HTTPTypes
import VolaryProtocol

/// `…/:generateToken`: a token with which a client connects.
struct PubSubTokenRoute: Sendable {
    private struct Answer: Encodable {
        let token: String
    }

    let keys: AccessKeys?
    /// Milliseconds since 1970, UTC.
    let now: @Sendable () -> Int64

    func add(to routes: inout RouteTable) {
        routes.on("/api/hubs/{hub}/:generateToken", [.post: self.generate])
    }

    @Sendable private func generate(_ request: Request, _ context: HTTPRequestContext) async throws -> Response {
        let hub = try context.pubSubHub()
        let query = try PubSubQuery(request)
        guard
            let wanted = ClientTokenRequest(
                userID: try query.value("userId"),
                roles: query.list("role"),
                groups: query.list("group"),
                minutesToExpire: try query.value("minutesToExpire"),
                clientType: try query.value("clientType")
            )
        else { throw Problem.pubSub(.badRequest, "A parameter of the token is not valid.") }
        // A request without a token of one of the keys does not come here.
        guard let keys = self.keys, let host = keys.hosts(ofRequestTo: request.head.authority).first else {
            throw Problem.pubSub(.badRequest, "The request has no host.")
        }
        let claims = wanted.claims(hub: UTF8Text(hub.text), host: host, now: self.now())
        return JSONBody.response(Answer(token: try await keys.token(claims)))
    }
}
