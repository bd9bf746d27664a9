import Foundation
import Logging
import NIOConcurrencyHelpers
import NIOCore
import Protocol
import ServiceLifecycle
import TestSupport
import Testing

@testable import Node

/// A whole node in this process, on a port of its own: a cluster of one, unless a test brings what joins it to others.
struct APITestNode: Sendable {
    struct Failure: Error {}

    let server: NodeServer
    let port: Int
    var http: HTTPTestClient { HTTPTestClient(port: self.port) }

    /// Runs `body` while the node serves; then stops it.
    static func with(
        _ options: [ConfigurationOption: String] = [:],
        logger: Logger = Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() },
        makeLinks: ((NodeID, any EventLoop) throws -> NodeServer.Links)? = nil,
        _ body: (APITestNode) async throws -> Void
    ) async throws {
        var flags = options
        flags[.port] = "0"
        flags[.threads] = "2"
        flags[.announcementsPerSecond] = "off"
        let port = NIOLockedValueBox<Int?>(nil)
        let server = try NodeServer(
            configuration: try ConfigurationLoader(flags: flags, environment: [:], file: nil).load(),
            logger: logger,
            makeLinks: makeLinks,
            onListening: { listening in port.withLockedValue { $0 = listening } }
        )
        let group = ServiceGroup(services: [server], logger: Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() })
        async let run: Void = group.run()
        let result: Result<Void, any Error>
        do {
            guard await eventually({ port.withLockedValue { $0 } != nil }), let port = port.withLockedValue({ $0 }) else {
                throw Failure()
            }
            let node = APITestNode(server: server, port: port)
            guard try await eventually({ try await node.http.request("GET", "/readyz").status == 200 }) else { throw Failure() }
            result = .success(try await body(node))
        } catch {
            result = .failure(error)
        }
        await group.triggerGracefulShutdown()
        try await run
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
