import Foundation
import Logging
import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// A whole node in this process, on a port of its own: a cluster of one, unless a test brings what joins it to others.
struct APITestNode: Sendable {
    struct Failure: Error {}

    let server: NodeServer
    let port: Int
    var http: HTTPTestClient { HTTPTestClient(port: self.port) }

    /// Runs `body` while the node serves; then stops it.
    static func with(
        _ options: [ConfigurationOption: String] = [:],
        logger: Logger = .quiet,
        makeLinks: ((NodeID, any EventLoop) throws -> NodeServer.ClusterServices)? = nil,
        _ body: (APITestNode) async throws -> Void
    ) async throws {
        let running = try await RunningNode.start(options, logger: logger, makeLinks: makeLinks)
        let result: Result<Void, any Error>
        do {
            let node = APITestNode(server: running.server, port: running.port)
            guard try await eventually({ try await node.http.request("GET", "/readyz").status == 200 }) else { throw Failure() }
            result = .success(try await body(node))
        } catch {
            result = .failure(error)
        }
        try await running.stop()
        try result.get()
    }

    /// What the node answers to these bytes, until it ends the connection or says nothing more for want of a request.
    func answer(to bytes: [UInt8], until isWhole: (String) -> Bool) async throws -> (text: String, isEnded: Bool) {
        let client = try await RawTestClient.connect(port: self.port)
        try await client.send(bytes: bytes)
        _ = await eventually { client.isEnded || isWhole(client.received) }
        return (client.received, client.isEnded)
    }
}

extension HTTPTestResponse {
    /// The last part of a problem's type; nil when the answer is no problem.
    var problem: String? {
        guard self[header: "content-type"] == "application/problem+json" else { return nil }
        return (self.json["type"] as? String)?.replacing("urn:volary:problem:", with: "")
    }

    var field: String? { self.json["field"] as? String }

    var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(self.body.utf8)) as? [String: Any]) ?? [:]
    }
}
