import Foundation
import TestSupport
import Testing

@testable import VolaryNode

/// Swagger UI.
@Suite
struct SwaggerTests {
    @Test func `Without files of its own, the page takes one version from a CDN and checks it`() async throws {
        try await APITestNode.with { node in
            let page = try await node.http.request("GET", "/swagger")
            #expect(page.status == 200)
            #expect(page[header: "content-type"] == "text/html; charset=utf-8")
            let sources = page.body.matches(of: /(?:src|href)="(https:[^"]*)"([^>]*)>/)
            #expect(sources.count == 2)
            let policy = try #require(page[header: "content-security-policy"])
            for source in sources {
                #expect(source.1.hasPrefix("https://cdn.jsdelivr.net/npm/swagger-ui-dist@5.32.6/"))
                #expect(source.2.contains(/integrity="sha384-[A-Za-z0-9+\/]{64}" crossorigin="anonymous"/))
                #expect(policy.contains(source.1))
            }
            #expect(policy.hasPrefix("default-src 'none'; "))
            #expect(!policy.contains("script-src 'self' 'unsafe") && !page.body.contains("<script>"))
            #expect(page.body.contains("data-document=\"/openapi.json\""))
            let pubSub = try await node.http.request("GET", "/swagger/webpubsub")
            #expect(pubSub.body == page.body.replacing("/openapi.json", with: "/webpubsub.json"))
            #expect(try await node.http.request("GET", "/swagger/start.js").body.contains("dataset.document"))
            #expect(try await node.http.request("GET", "/swagger/swagger-ui-bundle.js").problem == "unknown-path")
        }
    }

    @Test func `With a directory, its two files are served and nothing beside them`() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("volary-swagger-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        for (name, text) in [("swagger-ui-bundle.js", "// script"), ("swagger-ui.css", "/* style */"), ("secret", "secret")] {
            try Data(text.utf8).write(to: directory.appendingPathComponent(name))
        }
        try await APITestNode.with([.swaggerAssets: directory.path]) { node in
            let page = try await node.http.request("GET", "/swagger")
            #expect(!page.body.contains("https://"))
            #expect(page.body.contains("\"/swagger/swagger-ui-bundle.js\"") && page.body.contains("\"/swagger/swagger-ui.css\""))
            #expect(page[header: "content-security-policy"]?.contains("https://") == false)
            let script = try await node.http.request("GET", "/swagger/swagger-ui-bundle.js")
            #expect(script.body == "// script")
            #expect(script[header: "content-type"] == "text/javascript; charset=utf-8")
            #expect(script[header: "x-content-type-options"] == "nosniff")
            let style = try await node.http.request("GET", "/swagger/swagger-ui.css")
            #expect(style.body == "/* style */")
            #expect(style[header: "content-type"] == "text/css; charset=utf-8")
            for path in [
                "secret", "..%2Fsecret", "%2e%2e%2f\(directory.lastPathComponent)%2Fsecret", "%2Fetc%2Fpasswd", "..", ".",
            ] {
                #expect(try await node.http.request("GET", "/swagger/\(path)").status == 404, "\(path)")
            }
        }
    }

    @Test func `A directory without the files stops the start`() {
        for directory in ["/nowhere", "/etc", "", "/etc/passwd"] {
            #expect(throws: ConfigurationError.self) {
                try ConfigurationLoader(flags: [.swaggerAssets: directory], environment: [:], file: nil).load()
            }
        }
    }
}
