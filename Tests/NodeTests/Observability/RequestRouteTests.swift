import TestSupport
import Testing

@testable import VolaryNode

/// REST calls by route.
@Suite
struct RequestRouteTests {
    @Test
    func `Every route of a node has its label, and every label its route`() async throws {
        try await APITestNode.with { node in
            let listener = try #require(node.server.services.compactMap { $0 as? HTTPListener }.first)
            let paths = listener.routes.templates
            #expect(Set(paths) == Set(RequestRoute.allCases.filter { $0 != .other }.map(\.template)))
            for path in paths {
                // Any text does for a parameter: OPTIONS looks at none.
                let allow = try await node.http.request("OPTIONS", path.replacing(/\{\w+\}/, with: "x"))[header: "allow"]
                // HEAD counts as GET.
                let methods = try #require(allow).split(separator: ", ").map { $0 == "HEAD" ? "GET" : String($0) }
                    .filter { $0 != "OPTIONS" }
                let labelled = RequestRoute.allCases.filter { $0.template == path }.map(\.method)
                #expect(Set(labelled) == Set(methods), "\(path)")
            }
        }
    }

    @Test
    func `Calls are counted by their route's template and status, whatever path, method or bytes come`() async throws {
        try await APITestNode.with { node in
            let id = "0123456789abcdef0123456789abcdef"
            for (method, path) in [
                ("GET", "/api/connections"), ("HEAD", "/api/connections"), ("GET", "/api/connections/\(id)"),
                ("GET", "/api/connections/no"),
                ("PATCH", "/api/connections/\(id)"), ("GET", "/secret-path"), ("GET", "/secret-path/2"),
                ("GET", "/api//connections"),
            ] {
                _ = try await node.http.request(method, path)
            }
            _ = try await node.answer(to: Array("GET / HTTP/1.1\r\n\r\n".utf8)) { $0.contains("\r\n\r\n") }
            let text = try await node.http.request("GET", "/metrics").body
            let exposition = try Exposition(text)
            func count(_ method: String, _ route: String, _ status: Int) -> Double? {
                exposition.value("volary_http_requests_total", ["method": method, "route": route, "status": "\(status)"])
            }
            #expect(count("GET", "/api/connections", 200) == 2)
            #expect(count("GET", "/api/connections/{id}", 404) == 2)
            #expect(count("other", "other", 405) == 1)
            #expect(count("other", "other", 404) == 2)
            // This one's route is found; what is wrong with the path is found behind it.
            #expect(count("GET", "/api/connections", 404) == 1)
            #expect(count("other", "other", 400) == 1)
            #expect(!text.contains("secret") && !text.contains(id))
        }
    }
}
