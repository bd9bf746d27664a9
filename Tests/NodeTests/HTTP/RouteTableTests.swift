import HTTPTypes
import NIOCore
import TestSupport
import Testing

@testable import VolaryNode

/// The matching of requests and routes.
@Suite
struct RouteTableTests {
    private static func request(_ method: HTTPRequest.Method, _ path: String) -> Request {
        let head = HTTPRequest(method: method, scheme: "http", authority: "h", path: path)
        return Request(head: head, body: RequestBody(buffer: ByteBuffer()))
    }

    private static func text(_ text: String) -> RouteHandler {
        { _, context in
            let parameters = context.parameters.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
            return Response(status: .ok, body: ByteBuffer(string: "\(text) \(parameters)"))
        }
    }

    private static func answer(_ routes: RouteTable, _ method: HTTPRequest.Method, _ path: String) async throws -> String {
        do {
            let response = try await routes.respond(to: self.request(method, path), context: HTTPRequestContext(logger: .quiet))
            return "\(response.status.code) \(String(buffer: try await response.collected()))"
        } catch let problem as Problem {
            return "\(problem.status.code) \(problem.headers[.allow] ?? "")"
        }
    }

    @Test(arguments: [
        ("GET", "/", "200 root "), ("GET", "/api/things", "200 list "), ("POST", "/api/things/all", "200 all "),
        ("GET", "/api/things/7", "200 one id=7"), ("GET", "/api/things/a%2Fb", "200 one id=a/b"),
        ("PUT", "/api/things/7/parts/8", "200 part id=7,part=8"), ("GET", "/api/things?x=/y", "200 list "),
        // Literal paths take precedence over those with parameters, including their methods.
        ("GET", "/api/things/all", "405 OPTIONS, POST"), ("DELETE", "/", "405 GET, HEAD, OPTIONS"),
        ("HEAD", "/api/things/7", "200 "), ("OPTIONS", "/api/things/7", "204 "),
        ("GET", "/%61pi/things", "404 "), ("GET", "/API/things", "404 "), ("GET", "/api/thing", "404 "),
        ("GET", "/api/things/7/parts", "404 "), ("GET", "/api/things/7/parts/8/9", "404 "), ("GET", "*", "404 "),
        ("GET", "/api", "404 "), ("GET", "/api/things/7/parts/", "404 "),
    ])
    func `A path is matched by its bytes, segment by segment`(method: String, path: String, answer: String) async throws {
        var routes = RouteTable()
        routes.on("/", [.get: Self.text("root")])
        routes.on("/api/things", [.get: Self.text("list")])
        routes.on("/api/things/all", [.post: Self.text("all")])
        routes.on("/api/things/{id}", [.get: Self.text("one"), .delete: Self.text("delete")])
        routes.on("/api/things/{id}/parts/{part}", [.put: Self.text("part")])
        let method = try #require(HTTPRequest.Method(method))
        #expect(try await Self.answer(routes, method, path) == answer)
    }

    @Test func `A parameter that the template does not have is no path`() throws {
        #expect(throws: Problem.self) { try HTTPRequestContext(logger: .quiet).parameter("id") }
    }

    @Test func `The middleware sees every request, with its route if it has one, and may answer by itself`() async throws {
        var routes = RouteTable { request, context, next in
            guard request.path != "/livez" else { return try await next(request, context) }
            return Response(status: .accepted, body: ByteBuffer(string: "\(context.route)"))
        }
        for path in ["/livez", "/readyz"] { routes.on(path, [.get: Self.text(path)]) }
        #expect(try await Self.answer(routes, .get, "/livez") == "200 /livez ")
        #expect(try await Self.answer(routes, .get, "/readyz") == "202 ready")
        #expect(try await Self.answer(routes, .head, "/readyz") == "202 ready")
        #expect(try await Self.answer(routes, .post, "/readyz") == "202 other")
        #expect(try await Self.answer(routes, .get, "/nowhere") == "202 other")
    }

    @Test func `An answer that streams counts as a request under way until its end, whether it is sent or not`() async throws {
        let limit = RequestLimitMiddleware(maximumRequests: 1)
        var routes = RouteTable { try await limit.handle($0, $1, next: $2) }
        routes.on("/stream", [.get: { _, _ in Response(status: .ok) { try await $0.write(ByteBuffer(string: "x")) } }])
        routes.on("/whole", [.get: Self.text("whole")])
        let context = HTTPRequestContext(logger: .quiet)
        for isSent in [true, false] {
            var response: Response? = try await routes.respond(to: Self.request(.get, "/stream"), context: context)
            for _ in 0..<2 { #expect(try await Self.answer(routes, .get, "/whole") == "503 ") }
            if isSent { #expect(try await response?.collected() == ByteBuffer(string: "x")) }
            response = nil
            #expect(try await Self.answer(routes, .get, "/whole") == "200 whole ")
        }
        #expect(try await Self.answer(routes, .head, "/stream") == "200 ")
        #expect(try await Self.answer(routes, .get, "/whole") == "200 whole ")
    }
}
