import Foundation
import TestSupport
import Testing

extension RealProcesses {
    /// Behind the real balancer.
    @Suite
    struct BalancerTests {
        private static let first = [
            HandshakeTests.request("/ws", version: "8"), HandshakeTests.request("/ws", key: "bad"),
            HandshakeTests.request("/nothing"), HandshakeTests.request("/ws", method: "POST"),
        ]

        /// What follows may have been meant for a WebSocket. The balancer would take it for a request of its own and send it on, on a
        /// connection that the node does not know to be the same: so it ends the client's connection.
        @Test
        func `A second request behind a refused upgrade does not reach the API through it`() async throws {
            try await Cluster.run(nodes: 2) { cluster in
                let balancer = try await ProxyServer.start(nodes: cluster.nodes.map(\.process.port))
                defer { balancer.stop() }
                let watcher = try await cluster.a.connect()
                let body = #"{"message":"smuggled"}"#
                let second =
                    "POST /api/connections/broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
                for first in Self.first {
                    let client = try await RawTestClient.connect(port: balancer.port)
                    try await client.send(first + second)
                    let ended = await eventually { client.isEnded }
                    #expect(ended, "\(first): \(client.received)")
                    let answer = client.received
                    #expect(answer.hasPrefix("HTTP/1.1 4"), "\(answer)")
                    #expect(answer.lowercased().components(separatedBy: "\r\ncontent-type:").count == 2, "\(answer)")
                }
                // What is pushed now would come behind what had been smuggled.
                _ = try await cluster.b.broadcast("honest")
                #expect(try await watcher.see() == .broadcast("honest"))
            }
        }
    }
}
