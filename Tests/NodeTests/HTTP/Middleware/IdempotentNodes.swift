import HTTPTypes
import Logging
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import VolaryBackplane

@testable import VolaryNode

/// The routes of two nodes with a common idempotency store, including a route that counts how often it is carried out.
struct IdempotentNodes: Sendable {
    typealias Action = @Sendable (_ request: Request, _ time: Int) async throws -> Response

    struct Answer: Hashable {
        let status: Int
        let headers: HTTPFields
        let body: String

        /// The last part of the problem type.
        var problem: String? {
            self.body.firstRange(of: "urn:volary:problem:").map { String(self.body[$0.upperBound...].prefix { $0 != "\"" }) }
        }

        /// The answer without the field that marks a repeated answer.
        var original: Answer {
            var headers = self.headers
            headers[StoredAnswer.replayed] = nil
            return Answer(status: self.status, headers: headers, body: self.body)
        }

        var isReplayed: Bool { self.headers[StoredAnswer.replayed] == "true" }
    }

    private let nodes: [RouteTable]
    private let count = NIOLockedValueBox(0)

    /// How often the route was carried out, on both nodes together.
    var times: Int { self.count.withLockedValue { $0 } }

    init<Time: Clock>(
        store: any IdempotencyStore,
        clock: Time = ContinuousClock(),
        maximumBodyBytes: Int = 1000,
        action: @escaping Action = { _, time in JSONBody.response(["time": time]) }
    ) where Time.Duration == Duration {
        let count = self.count
        self.nodes = (0..<2).map { _ in
            let idempotency = IdempotencyMiddleware(store: store, maximumBodyBytes: maximumBodyBytes, clock: clock)
            var routes = RouteTable { request, context, route in
                try await ProblemMiddleware().handle(request, context) { request, context in
                    try await idempotency.handle(request, context, next: route)
                }
            }
            let route: RouteHandler = { request, _ in
                let time = count.withLockedValue { count in
                    count += 1
                    return count
                }
                return try await action(request, time)
            }
            routes.on("/api/send/{name}", [.get: route, .post: route])
            return routes
        }
    }

    func request(
        _ method: HTTPRequest.Method = .post,
        _ path: String = "/api/send/one",
        node: Int = 0,
        keys: [String],
        body: String = "{}"
    ) async throws -> Answer {
        var head = HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path)
        for key in keys { head.headerFields.append(HTTPField(name: .idempotencyKey, value: key)) }
        let request = Request(head: head, body: RequestBody(buffer: ByteBuffer(string: body)))
        let response = try await self.nodes[node].respond(to: request, context: HTTPRequestContext(logger: .quiet))
        let text = String(buffer: try await response.collected())
        return Answer(status: response.status.code, headers: response.headers, body: text)
    }

    func post(_ path: String = "/api/send/one", node: Int = 0, key: String = "key", body: String = "{}") async throws -> Answer {
        try await self.request(.post, path, node: node, keys: [key], body: body)
    }
}
