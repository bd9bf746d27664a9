import Atomics
import HTTPTypes
import NIOCore
import NIOHTTP1
import VolaryBackplane
import VolaryProtocol

/// `GET`, `POST` and `DELETE /hubs/{hub}?id=`: the polls of a client of SignalR, what it sends beside an event stream or polls, and the end of
/// its connection. At any node.
struct ConnectionRequestRoutes: Sendable {
    static let path = "/hubs/{hub}"

    /// Of hubs that clients of SignalR may connect to.
    let endpoints: [Endpoint]
    let requests: ConnectionRequests
    let access: WebSocketAuthenticator
    /// See ``WebSocketHandshake/validate(_:isExtendedConnect:endpoints:acceptsUserQuery:compresses:)``.
    let acceptsUserQuery: Bool
    let maximumBodyBytes: Int
    /// Milliseconds since 1970, UTC.
    let now: @Sendable () -> Int64

    private static let noCache: HTTPFields = {
        var fields: HTTPFields = [.cacheControl: "no-cache, no-store", .expires: "Thu, 01 Jan 1970 00:00:00 GMT"]
        if let pragma = HTTPField.Name("Pragma") { fields[pragma] = "no-cache" }
        return fields
    }()

    /// Whether pages of other origins send such requests and negotiations: those that may open WebSockets.
    static func serves(_ path: String) -> Bool { path.hasPrefix("/hubs/") }

    func add(to routes: inout RouteTable) {
        routes.on(
            Self.path,
            [
                .get: { request, _ in try await self.poll(request) },
                .post: { request, _ in try await self.post(request) },
                .delete: { request, _ in try await self.delete(request) },
            ]
        )
    }

    // MARK: - Requests

    private func poll(_ request: Request) async throws -> Response {
        // It would take the messages of a poll along.
        guard request.method == .get else { return Response(status: .methodNotAllowed, headers: [.allow: "GET, POST, DELETE"]) }
        let answer = try await self.carryOut(.poll, request)
        switch answer.outcome {
        case .data:
            var headers = Self.noCache
            headers[.contentType] = "application/octet-stream"
            headers[.contentLength] = "\(answer.body.readableBytes)"
            guard answer.body.readableBytes > 0 else { return Response(status: .ok, headers: headers) }
            let receipt = AnswerReceipt(answer.written)
            return Response(status: .ok, headers: headers) { writer in
                try await writer.write(answer.body)
                receipt.written()
            }
        case .over: return Response(status: .noContent, headers: Self.noCache)
        default: throw answer.outcome.problem(Self.cannotChange)
        }
    }

    private func post(_ request: Request) async throws -> Response {
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: self.maximumBodyBytes)
        } catch is RequestBody.TooLarge {
            throw Problem.bodyTooLarge(self.maximumBodyBytes)
        }
        let outcome = try await self.carryOut(.post(body), request).outcome
        guard outcome == .taken else {
            throw outcome.problem(
                Problem(
                    .methodNotAllowed,
                    "wrong-transport",
                    "POST requests are not allowed for WebSocket connections.",
                    headers: [.allow: "GET"]
                )
            )
        }
        return Response(status: .ok, headers: [.contentType: "text/plain"])
    }

    private func delete(_ request: Request) async throws -> Response {
        let outcome = try await self.carryOut(.delete, request).outcome
        guard outcome == .deleted else {
            throw outcome.problem(
                Problem(.badRequest, "wrong-transport", "Cannot terminate this connection using the DELETE endpoint.")
            )
        }
        return Response(status: .accepted, headers: [.contentType: "text/plain"])
    }

    private static let cannotChange = Problem(.badRequest, "wrong-transport", "Cannot change transports mid-connection")

    // MARK: -

    private func carryOut(_ action: TransportRequest.Action, _ request: Request) async throws -> ConnectionRequests.Answer {
        guard let endpoint = self.endpoints.first(where: { $0.path.utf8.elementsEqual(request.path.utf8) }),
            case .hub(let hub) = endpoint.match(target: endpoint.path)
        else { throw Problem.unknownPath }
        let target = request.head.path ?? "/"
        let ids = HandshakeQuery.pairs(ofTarget: target).filter { $0.name.equalsIgnoringCase("id") }.map(\.value)
        guard let text = ids.first?.string, !text.isEmpty else { throw Problem.noConnectionID }
        guard ids.count == 1, let id = SignalRToken.id(ofToken: text) else {
            throw WebSocketHandshake.Refusal.unknownConnection.problem
        }
        let head = HTTPRequestHead(request, id: text)
        let client: WebSocketHandshake.Client
        let user: AudienceName?
        do throws(WebSocketHandshake.Refusal) {
            try self.access.checkOrigin(head)
            client = WebSocketHandshake.Client(
                endpoint: endpoint,
                hub: hub,
                spoken: endpoint.standard,
                user: try WebSocketHandshake.user(ofTarget: target, accepted: self.acceptsUserQuery),
                carrier: .longPolling
            )
            user = try await self.user(of: head, client)
        } catch {
            throw error.problem
        }
        return try await self.requests.carryOut(
            action,
            of: id,
            in: hub,
            user: user,
            opening: action == .delete || SignalRToken(text, now: self.now() / 1000) == nil
                ? nil : ConnectionRequests.Opening(request: head, client: client)
        )
    }

    /// - Returns: nil for a request without a token of its own. The connection's token suffices.
    private func user(
        of head: HTTPRequestHead,
        _ client: WebSocketHandshake.Client
    ) async throws(WebSocketHandshake.Refusal) -> AudienceName? {
        do throws(WebSocketHandshake.Refusal) {
            return try await self.access.admit(head, client).user
        } catch .unauthorized(.missing) {
            return client.user
        } catch {
            throw error
        }
    }
}

/// Reports once whether an answer has been written: not, if nobody has written it when this object goes.
private final class AnswerReceipt: Sendable {
    private let isTold = ManagedAtomic(false)
    private let report: @Sendable (Bool) -> Void

    init(_ report: @escaping @Sendable (Bool) -> Void) {
        self.report = report
    }

    func written() { self.tell(once: true) }

    private func tell(once isWritten: Bool) {
        if !self.isTold.exchange(true, ordering: .relaxed) { self.report(isWritten) }
    }

    deinit { self.tell(once: false) }
}

extension HTTPRequestHead {
    /// With what says who the client is. A token in the query is for WebSockets and event streams only.
    fileprivate init(_ request: Request, id: String) {
        self.init(version: .http1_1, method: .GET, uri: "\(request.path)?id=\(id)")
        if let host = request.head.authority { self.headers.add(name: "host", value: host) }
        for value in request.headers[values: .origin] { self.headers.add(name: "origin", value: value) }
        for value in request.headers[values: .authorization] { self.headers.add(name: "authorization", value: value) }
    }
}

extension TransportAnswer.Outcome {
    /// - Parameter wrongTransport: for a request that the connection's transport does not have.
    fileprivate func problem(_ wrongTransport: Problem) -> Problem {
        switch self {
        case .isWebSocket, .isEventStream: wrongTransport
        case .otherUser: Problem(.forbidden, "other-user", "The connection is of another user.")
        case .tooLarge: Problem(.contentTooLarge, "record-too-large", "A record is longer than this node accepts.")
        case .tooMany:
            Problem(
                .tooManyRequests,
                "too-many-requests",
                "Too much of this connection waits already.",
                headers: [.retryAfter: "1"]
            )
        case .failed: Problem(.internalServerError, "connection-failed", "The connection was cut.")
        case .unknown, .accepted, .taken, .data, .over, .deleted: WebSocketHandshake.Refusal.unknownConnection.problem
        }
    }
}

extension Problem {
    static let noConnectionID = Problem(.badRequest, "missing-connection-id", "Connection ID required", field: "id")
}
