import HTTPTypes
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// `/api/messages`, and the same for a group and a user: what was published, from the logs.
struct HistoryRoutes: Sendable {
    let broker: any Broker
    let access: HistoryAccess
    let events: EventStreamProtocol
    /// Milliseconds since 1970, UTC.
    let now: @Sendable () -> Int64

    func add(to routes: inout RouteTable) {
        routes.on("/api/messages", [.get: { request, _ in try await self.list(request, of: .all) }])
        routes.on(
            "/api/groups/{group}/messages",
            [.get: { try await self.list($0, of: .group(try $1.name("group"))) }]
        )
        routes.on("/api/users/{user}/messages", [.get: { try await self.list($0, of: .user(try $1.name("user"))) }])
    }

    /// Whether a path is one of these, which check their callers themselves.
    /// - Parameter path: still percent-encoded, as the routes compare it.
    static func serves(_ path: String) -> Bool {
        guard path.utf8.suffix(9).elementsEqual("/messages".utf8) else { return false }
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        if parts.count == 3 { return path.utf8.starts(with: "/api/".utf8) }
        return parts.count == 5
            && (path.utf8.starts(with: "/api/groups/".utf8) || path.utf8.starts(with: "/api/users/".utf8))
    }

    private func list(_ request: Request, of audience: Audience) async throws -> Response {
        let query = try Query(request, only: "hub", "after", "limit")
        let target = HubAudience(hub: try query.hub(), audience: audience)
        let after = try query.position("after")
        let limit = try query.integer("limit", in: 1...HistoryPage.maximumPublications) ?? 100
        let seesAll = try await self.access.check(request, target)
        let page: HistoryPage
        do throws(HistoryError) {
            page = try await self.broker.read([audience.topic(in: target.hub)], after: after, limit: limit)
        } catch {
            throw Problem(error)
        }
        return JSONBody.response(json: self.json(page, seesAll: seesAll), status: .ok)
    }

    private func json(_ page: HistoryPage, seesAll: Bool) -> ByteBuffer {
        var json = ByteBuffer(string: #"{"messages":["#)
        var isFirst = true
        for entry in page.entries where !entry.publication.isOver(now: self.now) {
            // A filter is about connections, and the caller is none.
            guard seesAll || entry.publication.details?.filter == nil,
                let element = self.events.element(entry.publication, at: entry.position)
            else { continue }
            if !isFirst { json.writeString(",") }
            isFirst = false
            json.writeImmutableBuffer(element)
        }
        json.writeString(#"],"next":"\#(page.through)","more":\#(!page.isLast),"gap":\#(page.hasGap)}"#)
        return json
    }
}

extension Query {
    fileprivate func position(_ name: String) throws(Problem) -> Position? {
        guard let text = self.text(name) else { return nil }
        guard let position = Position(text.string) else {
            throw .invalidQuery(name, "\(name) must be a position of an answer before.")
        }
        return position
    }
}

extension Problem {
    fileprivate init(_ error: HistoryError) {
        switch error {
        case .unavailable:
            self.init(
                .serviceUnavailable,
                "history-unavailable",
                "The node cannot read the history now.",
                headers: [.retryAfter: "1"]
            )
        case .notLogged: self.init(.notFound, "no-history", "This cluster keeps no messages (--delivery at-most-once).")
        }
    }
}
