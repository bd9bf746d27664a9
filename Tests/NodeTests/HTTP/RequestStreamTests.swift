import HTTPTypes
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

@testable import VolaryNode

/// Streamed request bodies at a listener.
@Suite(.timeLimit(.minutes(2)))
struct RequestStreamTests {
    @Test func `A body is read as it comes, and answered as it is read`() async throws {
        var routes = RouteTable()
        routes.on(
            "/",
            [
                .post: { request, _ in
                    Response(status: .ok) { writer in for try await piece in request.body { try await writer.write(piece) } }
                }
            ]
        )
        try await TestListener.with(routes) { listener in
            let client = try await listener.connect()
            try await client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
            for word in ["alpha", "beta", "gamma"] {
                try await client.send("\(String(word.utf8.count, radix: 16))\r\n\(word)\r\n")
                #expect(await eventually { client.received.hasSuffix("\(word)\r\n") }, "\(client.received)")
            }
            try await client.send("0\r\n\r\n")
            #expect(await eventually { client.received.hasSuffix("gamma\r\n0\r\n\r\n") && client.isEnded })
        }
    }

    @Test func `A body that its reader does not read is not taken from the client`() async throws {
        let (gate, count) = (Gate(), NIOLockedValueBox(0))
        var routes = RouteTable()
        routes.on(
            "/",
            [
                .post: { request, _ in
                    await gate.pass()
                    for try await piece in request.body { count.withLockedValue { $0 += piece.readableBytes } }
                    return Response(status: .noContent)
                }
            ]
        )
        try await TestListener.with(routes) { listener in
            let client = try await listener.connect()
            let bytes = 40_000_000
            try await client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(bytes)\r\n\r\n")
            await gate.arrival()
            #expect(await !client.sends(Array(repeating: 0, count: bytes), within: .milliseconds(300)))
            gate.open()
            #expect(await eventually { client.received.hasPrefix("HTTP/1.1 204 ") }, "\(client.received)")
            #expect(count.withLockedValue { $0 } == bytes)
        }
    }
}
