import HTTPTypes
import VolaryBackplane
import VolaryProtocol

/// Which connections, groups and users exist, and the members of a group.
struct PubSubQuestionRoutes: Sendable {
    let inventory: Inventory
    let closing: PubSubCloseRoutes

    func add(to routes: inout RouteTable) {
        routes.on("/api/hubs/{hub}/connections/{connection}", [.head: self.connection, .delete: self.closing.closeOne])
        routes.on("/api/hubs/{hub}/groups/{group}", [.head: self.group])
        routes.on("/api/hubs/{hub}/users/{user}", [.head: self.user])
        routes.on("/api/hubs/{hub}/groups/{group}/connections", [.get: self.members])
    }

    // MARK: - Whether something exists

    @Sendable private func connection(_: Request, _ context: HTTPRequestContext) async throws -> Response {
        let hub = try context.pubSubHub()
        guard let id = try context.pubSubConnection(), try await self.inventory.connection(id, in: hub) != nil else {
            throw Problem.noPubSubConnection(try context.parameter("connection"), .connectionAbsent)
        }
        return Response(status: .ok)
    }

    @Sendable private func group(_: Request, _ context: HTTPRequestContext) async throws -> Response {
        let query = ConnectionQuery(in: try context.pubSubHub(), limit: 1, group: try context.pubSubGroup())
        guard try await self.hasConnections(query) else { throw Problem.pubSub(.groupAbsent, "The group has no members.") }
        return Response(status: .ok)
    }

    @Sendable private func user(_: Request, _ context: HTTPRequestContext) async throws -> Response {
        let query = ConnectionQuery(in: try context.pubSubHub(), limit: 1, user: try context.pubSubUser())
        guard try await self.hasConnections(query) else { throw Problem.pubSub(.userAbsent, "The user has no connections.") }
        return Response(status: .ok)
    }

    /// - Throws: 503 when none is found, and nodes are missing that may hold one.
    private func hasConnections(_ query: ConnectionQuery) async throws -> Bool {
        let page = try await self.inventory.page(query)
        if !page.page.connections.isEmpty { return true }
        guard page.isComplete else { throw Problem.presenceUnavailable }
        return false
    }

    // MARK: - Members of a group

    private struct Members: Encodable {
        struct Member: Encodable {
            enum CodingKeys: CodingKey {
                case connectionId
                case userId
            }

            let connection: ConnectionID
            let user: AudienceName?

            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: CodingKeys.self)
                try container.encode(self.connection.description, forKey: .connectionId)
                try container.encode(self.user?.text, forKey: .userId)
            }
        }

        let value: [Member]
        let nextLink: String?
    }

    @Sendable private func members(_ request: Request, _ context: HTTPRequestContext) async throws -> Response {
        let (hub, group, query) = (try context.pubSubHub(), try context.pubSubGroup(), try PubSubQuery(request))
        let pageSize = try query.integer("maxpagesize", in: 1...200)
        let top = try query.integer("top", in: 1...Int.max)
        let after = try query.value("continuationToken").map { text throws(Problem) in
            guard let id = ContinuationToken.id(in: text) else {
                throw Problem.pubSub(.badRequest, "The parameter 'continuationToken' must be what an answer before gave.")
            }
            return id
        }
        let limit = min(pageSize ?? 200, top ?? .max)
        let page = try await self.inventory.page(ConnectionQuery(in: hub, limit: limit, after: after, group: group))
        guard page.isComplete else { throw Problem.presenceUnavailable }
        let members = page.page.connections.map { Members.Member(connection: $0.record.id, user: $0.record.user) }
        let rest = top.map { $0 - members.count }
        var link: String?
        if let next = page.next, rest != 0 {
            link = self.link(of: request, try query.value(PubSubVersion.parameter), pageSize, rest, next)
        }
        return JSONBody.response(Members(value: members, nextLink: link))
    }

    /// The URL of the next page, on the host that the caller used.
    private func link(
        of request: Request,
        _ version: UTF8Text?,
        _ pageSize: Int?,
        _ rest: Int?,
        _ next: ConnectionID
    ) -> String {
        let scheme = request.headers.value(.forwardedProto)?.isSame("https") ?? false ? "https" : request.head.scheme ?? "http"
        var parameters = ["\(PubSubVersion.parameter)=\((version ?? PubSubVersion.all[PubSubVersion.all.count - 1]).string)"]
        if let pageSize { parameters.append("maxpagesize=\(pageSize)") }
        if let rest { parameters.append("top=\(rest)") }
        parameters.append("continuationToken=\(ContinuationToken.text(next))")
        return "\(scheme)://\(request.head.authority ?? "")\(request.path)?\(parameters.joined(separator: "&"))"
    }
}

/// Where the next page of a list begins. Opaque to callers.
private enum ContinuationToken {
    private static let prefix = "v1."

    static func text(_ last: ConnectionID) -> String { Base64URL.encode("\(self.prefix)\(last)".utf8) }

    /// - Returns: nil for a text that ``text(_:)`` does not make.
    static func id(in text: UTF8Text) -> ConnectionID? {
        guard text.utf8.count <= 2048, let bytes = Base64URL.decode(text.string), bytes.starts(with: self.prefix.utf8) else {
            return nil
        }
        return ConnectionID(String(decoding: bytes.dropFirst(self.prefix.utf8.count), as: UTF8.self))
    }
}

extension HTTPField.Name {
    fileprivate static let forwardedProto = HTTPField.Name("X-Forwarded-Proto")!
}
