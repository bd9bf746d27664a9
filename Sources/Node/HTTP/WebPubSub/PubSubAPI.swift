import HTTPTypes
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// `/api/hubs/…` and `/api/health`: the REST API of Web PubSub. Its callers are service libraries of others, so paths, statuses,
/// header fields and bodies are theirs. The document is `webpubsub.json`.
struct PubSubAPI: Sendable {
    let publisher: Publisher
    let inventory: Inventory
    let sessions: ResumableSessions?
    let directory: NodeDirectory
    let activity: ActivityLog
    /// nil: every request is refused.
    let keys: AccessKeys?

    func add(to routes: inout RouteTable) {
        let commands = PubSubCommands(
            publisher: self.publisher,
            inventory: self.inventory,
            sessions: self.sessions,
            directory: self.directory
        )
        routes.on("/api/health", [.get: { _, _ in Response(status: .ok) }])
        PubSubTokenRoute(keys: self.keys, now: self.publisher.now).add(to: &routes)
        PubSubSendRoutes(publisher: self.publisher).add(to: &routes)
        let closing = PubSubCloseRoutes(commands: commands, activity: self.activity)
        closing.add(to: &routes)
        PubSubGroupRoutes(commands: commands, activity: self.activity).add(to: &routes)
        PubSubQuestionRoutes(inventory: self.inventory, closing: closing).add(to: &routes)
        PubSubPermissionRoutes(commands: commands).add(to: &routes)
    }

    /// Whether a path belongs to this API.
    static func serves(_ path: String) -> Bool { path.utf8.starts(with: "/api/hubs/".utf8) || self.isHealth(path) }

    private static func isHealth(_ path: String) -> Bool {
        path.utf8.elementsEqual("/api/health".utf8) || path.utf8.elementsEqual("/api/health/".utf8)
    }

    /// Checks token and version of a request before its route.
    func handle(_ request: Request, _ context: HTTPRequestContext, next: NextHandler) async throws -> Response {
        if Self.isHealth(request.path) || request.method == .options { return try await next(request, context) }
        var context = context
        context.principal = try await self.caller(of: request)
        try PubSubVersion.check(try PubSubQuery(request))
        return try await next(request, context)
    }

    /// - Throws: 401 for everything but a token for this URL, signed with an access key.
    private func caller(of request: Request) async throws(Problem) -> Principal {
        do throws(TokenError) {
            guard let token = try BearerToken.inAuthorization(request.headers[values: .authorization]) else { throw .missing }
            guard let keys = self.keys else { throw .signature }
            let claims = try await keys.claims(of: token)
            do throws(PubSubTokenFault) {
                try claims.checkRequest(
                    path: UTF8Text(request.path),
                    hosts: keys.hosts(ofRequestTo: request.head.authority),
                    now: self.publisher.now()
                )
            } catch {
                throw error.tokenError
            }
        } catch {
            throw .unauthorized(error)
        }
        return Principal(identity: "key of Web PubSub", permissions: Permission.forREST)
    }
}

extension PubSubTokenFault {
    fileprivate var tokenError: TokenError {
        switch self {
        case .claim(let name), .invalidName(let name): .absent(name)
        case .expired: .expired
        case .notYetValid: .notYetValid
        case .audience: .audience
        }
    }
}

/// The versions of the API. Newer ones only add to older ones, so all operations exist in all of them.
enum PubSubVersion {
    static let all: [UTF8Text] = ["2021-10-01", "2022-11-01", "2023-07-01", "2024-01-01", "2024-12-01"]
    /// The value of `api-supported-versions`.
    static let list = all.map(\.string).joined(separator: ", ")
    static let parameter = "api-version"

    static func check(_ query: PubSubQuery) throws(Problem) {
        guard let version = try query.value(self.parameter) else { return }
        guard self.all.contains(version) else {
            throw .pubSub(.badRequest, "The api-version must be one of \(self.list).")
        }
    }
}
