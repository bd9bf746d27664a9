import Foundation
import TestSupport
import Testing

@testable import VolaryNode

/// A caller of Web PubSub's REST API, as the service libraries are.
struct PubSubCaller: Sendable {
    let node: APITestNode
    var hub = "chat"

    /// - Parameters:
    ///   - path: behind the hub, with the query.
    ///   - type: of the body.
    func call(
        _ method: String,
        _ path: String,
        headers: [String: String] = [:],
        body: String? = nil,
        type: String = "text/plain"
    ) async throws -> HTTPTestResponse {
        let target = "/api/hubs/\(self.hub)\(path)"
        let token = try PubSubToken.make("", host: "", ["aud": "http://127.0.0.1:\(self.node.port)\(target)"])
        var fields = ["authorization": "Bearer \(token)"].merging(headers) { $1 }
        if body != nil { fields["content-type"] = type }
        return try await self.node.http.request(method, target, headers: fields, body: body)
    }

    /// Expects a status without a body.
    func expect(
        _ status: Int,
        _ method: String,
        _ path: String,
        headers: [String: String] = [:],
        body: String? = nil,
        type: String = "text/plain",
        _ location: SourceLocation = #_sourceLocation
    ) async throws {
        let answer = try await self.call(method, path, headers: headers, body: body, type: type)
        #expect(
            answer.status == status && answer.body.isEmpty,
            "\(method) \(path): \(answer.status) \(answer.body)",
            sourceLocation: location
        )
        #expect(answer[header: "api-supported-versions"] == PubSubVersion.list, sourceLocation: location)
        if status == 202 {
            #expect(answer[header: "content-length"] == "0" && answer[header: "content-type"] == nil, sourceLocation: location)
        }
    }
}

extension PubSubClient {
    /// A client in these groups, and its id.
    static func open(
        _ node: APITestNode,
        user: String? = nil,
        groups: [String] = [],
        hub: String = "chat"
    ) async throws -> (client: PubSubClient, id: String) {
        var claims: [String: Any] = ["webpubsub.group": groups]
        if let user { claims["sub"] = user }
        let client = try await self.connect(node, hub, claims)
        let id = try await client.connected()
        let api = PubSubCaller(node: node, hub: hub)
        _ = try await eventually { try await api.call("HEAD", "/connections/\(id)").status == 200 }
        return (client, id)
    }
}
