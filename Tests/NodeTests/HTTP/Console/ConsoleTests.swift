import Crypto
import Foundation
import HTTPTypes
import Logging
import NIOCore
import Testing

@testable import VolaryNode

/// The answer to `GET /`. `deploy/test --only console` tests the page itself in a browser.
struct ConsoleTests {
    @Test
    func `The console is one HTML page that no cache keeps`() async throws {
        let (response, html) = try await Self.answer(.get)
        #expect(response.status == .ok)
        #expect(response.headers[.contentType] == "text/html; charset=utf-8")
        #expect(response.headers[.cacheControl] == "no-store")
        #expect(response.headers[.xContentTypeOptions] == "nosniff")
        #expect(response.headers[.contentLength] == "\(html.utf8.count)")
        #expect(html.hasPrefix("<!doctype html>"))
    }

    @Test
    func `The policy allows the page's own script and style, by the hash of their bytes, and no other`() async throws {
        let (response, html) = try await Self.answer(.get)
        let policy = try #require(response.headers[.contentSecurityPolicy]).components(separatedBy: "; ")
        let script = try Self.inside("script", of: html)
        let style = try Self.inside("style", of: html)
        #expect(policy.contains("default-src 'none'"))
        #expect(policy.contains("script-src 'sha256-\(Self.hash(script))'"))
        #expect(policy.contains("style-src 'sha256-\(Self.hash(style))'"))
        #expect(policy.contains("connect-src 'self'"))
        #expect(policy.contains("frame-ancestors 'none'"))
        #expect(script.count > 1000 && style.count > 1000)
    }

    @Test
    func `The page names no other host and has no handler or style in an attribute, which the policy would not let work`()
        async throws
    {
        let (_, html) = try await Self.answer(.get)
        let namespaces = html.replacing("http://www.w3.org/2000/svg", with: "")
        #expect(!namespaces.contains("://"))
        #expect(try #/<[^>]+\s(on\w+|style)=/#.firstMatch(in: html) == nil)
    }

    @Test
    func `HEAD has the headers alone; another method is refused with what is allowed`() async throws {
        let (head, nothing) = try await Self.answer(.head)
        #expect(head.status == .ok && nothing.isEmpty)
        #expect(head.headers[.contentSecurityPolicy] != nil)
        let (post, _) = try await Self.answer(.post)
        #expect(post.status == .methodNotAllowed)
        #expect(post.headers[.allow] == "GET, HEAD, OPTIONS")
    }

    // MARK: - Through the routes, without a socket

    private static func answer(_ method: HTTPRequest.Method) async throws -> (Response, String) {
        var routes = RouteTable { try await ProblemMiddleware().handle($0, $1, next: $2) }
        ConsoleRoutes().add(to: &routes)
        let request = Request(
            head: HTTPRequest(method: method, scheme: "http", authority: "volary", path: "/"),
            body: RequestBody(buffer: ByteBuffer())
        )
        let response = try await routes.respond(to: request, context: HTTPRequestContext(logger: Logger(label: "test")))
        return (response, String(buffer: try await response.collected()))
    }

    /// The text between the only tags with this name.
    private static func inside(_ tag: String, of html: String) throws -> String {
        let parts = html.components(separatedBy: "<\(tag)>")
        try #require(parts.count == 2)
        let inner = parts[1].components(separatedBy: "</\(tag)>")
        try #require(inner.count == 2)
        return inner[0]
    }

    private static func hash(_ text: String) -> String {
        Data(SHA256.hash(data: Data(text.utf8))).base64EncodedString()
    }
}
