import HTTPTypes
import NIOHTTP1
import VolaryBackplane
import VolaryProtocol

/// `POST /hubs/{hub}/negotiate`: gives a client of SignalR the id of its next connection, and the transports that it may use. The client may
/// then connect to any node.
struct NegotiateRoute: Sendable {
    static let path = "/hubs/{hub}/negotiate"

    /// Of hubs that clients of SignalR may connect to.
    let endpoints: [Endpoint]
    let admission: WebSocketAdmission
    /// See ``WebSocketHandshake/validate(_:isExtendedConnect:endpoints:acceptsUserQuery:compresses:)``.
    let acceptsUserQuery: Bool
    let life: LifecyclePhase
    /// Milliseconds since 1970, UTC.
    let now: @Sendable () -> Int64

    private struct Answer: Encodable {
        struct Transport: Encodable {
            let transport: String
            let transferFormats: [String]
        }

        let negotiateVersion: Int
        let connectionId: String
        /// Not in version 0, where the id is the token.
        let connectionToken: String?
        let availableTransports: [Transport]
    }

    private struct Refusal: Encodable {
        let negotiateVersion = 0
        let error: String
        let availableTransports: [String] = []
    }

    func add(to routes: inout RouteTable) { routes.on(Self.path, [.post: self.negotiate]) }

    @Sendable private func negotiate(_ request: Request, _ context: HTTPRequestContext) async throws -> Response {
        let target = request.head.path ?? "/"
        guard let endpoint = self.endpoint(of: request.path), case .hub(let hub) = endpoint.match(target: endpoint.path) else {
            throw Problem.unknownPath
        }
        guard self.life.phase < .draining else { throw WebSocketHandshake.Refusal.draining.problem }
        do throws(WebSocketHandshake.Refusal) {
            let user = try WebSocketHandshake.user(ofTarget: target, accepted: self.acceptsUserQuery)
            let client = WebSocketHandshake.Client(endpoint: endpoint, hub: hub, spoken: endpoint.standard, user: user)
            try await self.admission.negotiate(HTTPRequestHead(negotiating: request), client)
        } catch {
            throw error.problem
        }
        guard let version = self.version(target) else {
            return Self.answer(Refusal(error: "The client requested a non-integer protocol version."))
        }
        let token = SignalRToken(version: version, now: self.now() / 1000)
        return Self.answer(
            Answer(
                negotiateVersion: version,
                connectionId: token.id.description,
                connectionToken: version > 0 ? token.text : nil,
                availableTransports: [
                    Answer.Transport(transport: "WebSockets", transferFormats: ["Text", "Binary"]),
                    Answer.Transport(transport: "ServerSentEvents", transferFormats: ["Text"]),
                    Answer.Transport(transport: "LongPolling", transferFormats: ["Text", "Binary"]),
                ]
            )
        )
    }

    private static func answer(_ document: some Encodable) -> Response {
        var response = JSONBody.response(document)
        response.headers[.cacheControl] = "no-store"
        return response
    }

    private func endpoint(of path: String) -> Endpoint? {
        let hub = path.utf8.dropLast("/negotiate".utf8.count)
        return self.endpoints.first { $0.path.utf8.elementsEqual(hub) }
    }

    /// - Returns: the highest version that both know, 0 or 1; nil for a value that is no whole number.
    private func version(_ target: String) -> Int? {
        let pairs = HandshakeQuery.pairs(ofTarget: target)
        guard let value = pairs.last(where: { $0.name.equalsIgnoringCase("negotiateVersion") })?.value else { return 0 }
        return Int(value.string).map { max(0, min(1, $0)) }
    }
}

extension HTTPRequestHead {
    /// With what says who the client is. A token in the query is for WebSockets only.
    fileprivate init(negotiating request: Request) {
        self.init(version: .http1_1, method: .POST, uri: request.path)
        for value in request.headers[values: .authorization] { self.headers.add(name: "authorization", value: value) }
    }
}
