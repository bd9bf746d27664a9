import NIOHTTP1
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Which hub a client joins.
@Suite
struct HubEndpointTests {
    private func match(_ target: String, _ hub: Endpoint.HubChoice) -> Endpoint.Match {
        let plain = Endpoint.plain
        return Endpoint(
            path: "/client/hubs",
            hub: hub,
            joinsCluster: true,
            standard: plain.standard,
            subprotocols: [],
            application: plain.application
        ).match(target: target)
    }

    @Test(
        arguments: [
            ("/client/hubs/chat", .hub("chat")), ("/client/hubs/Chat?x=/y", .hub("chat")), ("/client/hubs/%63hat", .hub("chat")),
            ("/client/hubs/default", .hub(.default)), ("/client/hubs/a%5B1%5D", .hub("a[1]")),
            ("/client/hubs", .none), ("/client/hubschat", .none), ("/client/hubs/chat/", .none), ("/client/hubs/a/b", .none),
            ("/client", .none), ("", .none),
            ("/client/hubs/", .invalidHub), ("/client/hubs/1", .invalidHub), ("/client/hubs/%", .invalidHub),
            ("/client/hubs/a%2Fb", .invalidHub), ("/client/hubs/a%00", .invalidHub), ("/client/hubs/%C3%A9", .invalidHub),
        ] as [(String, Endpoint.Match)]
    )
    func `A path may name the hub`(target: String, expected: Endpoint.Match) {
        #expect(self.match(target, .lastSegment) == expected)
    }

    @Test func `A path may stand for one hub`() {
        #expect(self.match("/client/hubs?hub=other", .always("chat")) == .hub("chat"))
        #expect(self.match("/client/hubs/chat", .always("chat")) == .none)
        #expect(Endpoint.plain.match(target: "/ws?hub=chat") == .hub(.default))
        #expect(Endpoint.echo.match(target: "/echo") == .hub(.default))
    }

    @Test func `A handshake in a hub of an invalid name is refused with 400`() async throws {
        try await APITestNode.with { node in
            let refused = try await node.answer(to: HandshakeRequest.bytes(path: "/hubs/a-b")) { $0.contains("invalid-name") }
            #expect(refused.text.hasPrefix("HTTP/1.1 400 "))
            #expect(refused.text.contains(#""field":"hub""#))
            let unknown = try await node.answer(to: HandshakeRequest.bytes(path: "/hubs/a/b")) { $0.contains("unknown-path") }
            #expect(unknown.text.hasPrefix("HTTP/1.1 404 "))
            let metrics = try await node.http.request("GET", "/metrics").body
            #expect(metrics.contains(#"volary_handshakes_refused_total{reason="bad-hub"} 1"#))
        }
    }
}
