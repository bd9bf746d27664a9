import TestSupport
import Testing

@testable import VolaryNode

/// The limit counts the target of a request and the names and values of its fields.
@Suite
struct HeaderLimitsTests {
    private static let handshake = [
        "Host": "h", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ]

    private static let requests: [(path: String, fields: [String: String], status: Int)] = [
        ("/livez", ["Host": "h", "Connection": "close"], 200), ("/echo", Self.handshake, 101),
    ]

    private struct Answer: Equatable {
        let status: Int
        var isEnded = true
    }

    private static let refused = Answer(status: 431)

    private func answer(_ node: APITestNode, _ path: String, _ fields: [String: String], _ more: [String]) async throws -> Answer
    {
        let lines = (fields.map { "\($0): \($1)" } + more).map { $0 + "\r\n" }.joined()
        let request = "GET \(path) HTTP/1.1\r\n\(lines)\r\n"
        let (text, isEnded) = try await node.answer(to: Array(request.utf8)) { $0.contains(" 101 ") }
        let status = try #require(Int(text.dropFirst(9).prefix(3)), "\(text)")
        #expect(text.contains("urn:volary:problem:header-too-large") == (status == 431), "\(text)")
        return Answer(status: status, isEnded: isEnded)
    }

    @Test func `As many bytes as the limit are served, for a WebSocket too; one more is 431, and the end`() async throws {
        try await APITestNode.with([.maximumHeader: "1KiB"]) { node in
            for (path, fields, status) in Self.requests {
                let room = 1024 - path.utf8.count - fields.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
                let long = String(repeating: "x", count: room - 1)
                for line in ["X: \(long)", "\(long): x"] {
                    let whole = try await self.answer(node, path, fields, [line])
                    let over = try await self.answer(node, path, fields, [line + "x"])
                    #expect(whole.status == status && over == Self.refused, "\(path)")
                }
                let whole = try await self.answer(node, "\(path)?\(long)", fields, [])
                let over = try await self.answer(node, "\(path)?\(long)x", fields, [])
                #expect(whole.status == status && over == Self.refused, "\(path)")
            }
        }
    }

    @Test func `As many fields as the limit are served, for a WebSocket too; one more is 431, and the end`() async throws {
        try await APITestNode.with([.maximumHeaderFields: "10"]) { node in
            for (path, fields, status) in Self.requests {
                let more = (0..<(10 - fields.count)).map { "X-\($0): x" }
                let whole = try await self.answer(node, path, fields, more)
                let over = try await self.answer(node, path, fields, more + ["Y:"])
                #expect(whole.status == status && over == Self.refused, "\(path)")
            }
        }
    }

    @Test func `Bytes that never become a head end at the same limit, before any upgrade`() async throws {
        try await APITestNode.with([.maximumHeader: "1KiB"]) { node in
            let start = "GET /echo HTTP/1.1\r\n" + Self.handshake.map { "\($0): \($1)\r\n" }.joined() + "X: "
            let client = try await RawTestClient.connect(port: node.port)
            try await client.send(start)
            for _ in 0..<1000 where !client.isEnded { try? await client.send(String(repeating: "x", count: 10)) }
            #expect(await eventually { client.isEnded })
            #expect(client.received.hasPrefix("HTTP/1.1 431 "), "\(client.received)")
        }
    }
}
