import Foundation
import NIOCore
import TestSupport
import Testing

@testable import VolaryNode

/// The OpenAPI document is complete and correct.
@Suite
struct OpenAPIDocumentTests {
    /// Paths that are not REST: OpenAPI does not describe WebSockets, and the console is a page.
    private static let outside: Set<String> = [
        "/ws", "/echo", "/events", "/client", "/client/hubs/{hub}", "/hubs/{hub}", "/hubs/{hub}/negotiate", "/",
        "/webpubsub.json", "/swagger/webpubsub",
    ]

    private static let methods = ["get", "put", "post", "delete", "patch"]

    private let document: [String: Any]

    init() throws {
        let data = Data(OpenAPIRoutes.document.readableBytesView)
        self.document = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    private func documented() throws -> [String: Set<String>] {
        try #require(self.document["paths"] as? [String: [String: Any]])
            .mapValues { Set($0.keys.filter(Self.methods.contains).map { $0.uppercased() }) }
    }

    @Test func `Every route of a node is described with its methods, and nothing else is`() async throws {
        try await APITestNode.with { node in
            let listener = try #require(
                node.server.services.compactMap { $0 as? HTTPListener }.first
            )
            var served: [String: Set<String>] = [:]
            for path in listener.routes.templates {
                // Any text works as a parameter, because OPTIONS does not read parameters.
                let allow = try await node.http.request("OPTIONS", path.replacing(/\{\w+\}/, with: "x"))[header: "allow"]
                served[path] = Set(try #require(allow).split(separator: ", ").map(String.init)).subtracting(["HEAD", "OPTIONS"])
            }
            #expect(served.count > 10)
            let own = served.filter { !Self.outside.contains($0.key) && !PubSubAPI.serves($0.key) }
            #expect(own == (try self.documented()))
            #expect(Self.outside.isSubset(of: served.keys))
        }
    }

    @Test func `Web PubSub's document describes its routes with their methods, and all references lead somewhere`() async throws {
        let data = Data(OpenAPIRoutes.pubSubDocument.readableBytesView)
        let document = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        let paths = try #require(document["paths"] as? [String: [String: Any]])
        try await APITestNode.with { node in
            let listener = try #require(node.server.services.compactMap { $0 as? HTTPListener }.first)
            let served = listener.routes.templates.filter(PubSubAPI.serves)
            #expect(Set(served) == Set(paths.keys))
            for path in served {
                let allow = try await node.http.request("OPTIONS", path.replacing(/\{\w+\}/, with: "x"))[header: "allow"]
                let methods = Set(try #require(allow).split(separator: ", ").map { $0.lowercased() }).subtracting(["options"])
                let described = Set(try #require(paths[path]).keys)
                // A path with GET has HEAD.
                #expect(described == methods || described == methods.subtracting(["head"]) && methods.contains("get"), "\(path)")
            }
        }
        // All 25 operations, and health by GET.
        #expect(paths.values.map(\.count).reduce(0, +) == 26)
        var references: Set<String> = []
        Self.walk(document) { if let reference = $0["$ref"] as? String { references.insert(reference) } }
        var components = try #require(document["components"] as? [String: [String: Any]])
        components["securitySchemes"] = nil
        #expect(references == Set(components.flatMap { kind, entries in entries.keys.map { "#/components/\(kind)/\($0)" } }))
    }

    @Test func `It is OpenAPI 3.1, of this version of the program`() {
        #expect(self.document["openapi"] as? String == "3.1.0")
        #expect((self.document["info"] as? [String: Any])?["version"] as? String == NodeServer.version)
    }

    @Test func `All references lead somewhere, and every component is used`() throws {
        var references: Set<String> = []
        Self.walk(self.document) { if let reference = $0["$ref"] as? String { references.insert(reference) } }
        var components = try #require(self.document["components"] as? [String: [String: Any]])
        // Security schemes are used by name, not by reference.
        let schemes = components.removeValue(forKey: "securitySchemes") ?? [:]
        #expect(Set((self.document["security"] as? [[String: Any]] ?? []).flatMap(\.keys)) == Set(schemes.keys))
        let defined = Set(components.flatMap { kind, entries in entries.keys.map { "#/components/\(kind)/\($0)" } })
        #expect(references == defined)
    }

    @Test func `Operations have names of their own`() throws {
        var names: [String] = []
        Self.walk(self.document["paths"] ?? [:]) {
            if $0["responses"] != nil, let name = $0["operationId"] as? String { names.append(name) }
        }
        #expect(names.count == (try self.documented()).values.map(\.count).reduce(0, +))
        #expect(Set(names).count == names.count)
    }

    /// This reads the sources, because there is no list of problems at run time.
    @Test func `Every type of problem that the program can give is described, and no other`() throws {
        let components = self.document["components"] as? [String: [String: [String: Any]]]
        let type = (components?["schemas"]?["Problem"]?["properties"] as? [String: [String: Any]])?["type"]
        let described = try #require(type?["oneOf"] as? [[String: String]]).compactMap { $0["const"] }
        let sources = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../Sources/Node").standardized
        var made: Set<String> = []
        for case let file as URL in try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)) {
            guard file.pathExtension == "swift" else { continue }
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: /(?:Problem|self\.init)\(\s*(?:\.\w+|error\.status|HTTPR[^)]+\)),\s*"([a-z-]+)"/) {
                made.insert("urn:volary:problem:\(match.1)")
            }
        }
        #expect(made.count > 10)
        #expect(made == Set(described))
    }

    @Test func `A client that has the document already is told so`() async throws {
        try await APITestNode.with { node in
            let first = try await node.http.request("GET", "/openapi.json")
            #expect(first.status == 200)
            #expect(first[header: "cache-control"] == "no-cache")
            let tag = try #require(first[header: "etag"])
            for known in [tag, "W/\(tag)", "\"other\" , \(tag)", "*"] {
                let again = try await node.http.request("GET", "/openapi.json", headers: ["If-None-Match": known])
                #expect(again.status == 304, "\(known)")
                #expect(again.body.isEmpty && again[header: "etag"] == tag)
            }
            let other = try await node.http.request("GET", "/openapi.json", headers: ["If-None-Match": "\"other\""])
            #expect(other.status == 200 && other.body == first.body)
        }
    }

    private static func walk(_ value: Any, _ visit: ([String: Any]) -> Void) {
        if let object = value as? [String: Any] {
            visit(object)
            for member in object.values { self.walk(member, visit) }
        } else if let array = value as? [Any] {
            for element in array { self.walk(element, visit) }
        }
    }
}
