import HTTPTypes
import NIOCore
import TestSupport
import Testing

@testable import VolaryNode

/// Requests that have arrived and wait for their turn when the node stops.
@Suite(.timeLimit(.minutes(5)))
struct DecodingTurnEndTests {
    /// More than a turn decodes, and no more than the first read of a connection takes, which has 256 bytes: what the node has not
    /// read has not arrived.
    private static let count = 9

    private static func routes(behind gate: Gate) -> RouteTable {
        var routes = RouteTable()
        routes.on(
            "/",
            [
                .get: { _, _ in
                    await gate.pass()
                    return Response(status: .noContent)
                }
            ]
        )
        return routes
    }

    @Test func `A node that stops answers all requests that have arrived, also those that wait for their turn`() async throws {
        let gate = Gate()
        try await TestListener.with(Self.routes(behind: gate)) { listener in
            let idle = try await listener.connect()
            let client = try await listener.connect()
            try await client.send(String(repeating: "GET / HTTP/1.1\r\nHost: h\r\n\r\n", count: Self.count))
            await gate.arrival()
            await listener.stop()
            // All connections of the loop are told together.
            #expect(await eventually { idle.isEnded })
            #expect(!client.isEnded)
            gate.open()
            #expect(await eventually { client.isEnded })
            #expect(client.received.matches(of: #/HTTP/1\.1 204 /#).count == Self.count)
        }
    }

    @Test func `A node that stops does not wait for the rest of a request behind them`() async throws {
        let gate = Gate()
        try await TestListener.with(Self.routes(behind: gate)) { listener in
            let client = try await listener.connect()
            let requests = String(repeating: "GET / HTTP/1.1\r\nHost: h\r\n\r\n", count: Self.count)
            try await client.send(requests + "GET / HTTP/1.1\r\nHo")
            await gate.arrival()
            await listener.stop()
            gate.open()
            #expect(await eventually { client.isEnded })
        }
    }
}
