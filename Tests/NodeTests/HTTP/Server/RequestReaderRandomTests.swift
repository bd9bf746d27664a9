import NIOCore
import TestSupport
import Testing

@testable import VolaryNode

/// The division of the input into reads does not change the requests.
@Suite
struct RequestReaderRandomTests {
    private static let handshake =
        "GET /echo HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

    private static func request(_ number: Int, _ random: inout SplitMix64) -> String {
        let head = "/\(number) HTTP/1.1\r\nHost: h\r\n"
        let body = String(repeating: "\(number % 10)", count: .random(in: 1...40_000, using: &random))
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return "GET \(head)X: \(String(repeating: "x", count: .random(in: 0...8000, using: &random)))\r\n\r\n"
        case 1: return "POST \(head)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
        case 2:
            let (first, rest) = (body.prefix(body.count / 2 + 1), body.dropFirst(body.count / 2 + 1))
            let chunks = [first, rest].filter { !$0.isEmpty }.map { "\(String($0.utf8.count, radix: 16))\r\n\($0)\r\n" }
            return "POST \(head)Transfer-Encoding: chunked\r\n\r\n\(chunks.joined())0\r\n\r\n"
        default: return "GET \(head)\r\n"
        }
    }

    /// Heads, complete bodies, and ends, and messages of a WebSocket.
    private static func summary(_ events: [EmbeddedServer.Event]) -> [String] {
        var summary: [String] = []
        var body = ""
        for event in events {
            switch event {
            case .head(let head, _, _): summary.append(head)
            case .body(let bytes): body += bytes
            case .end:
                summary.append(body)
                body = ""
            case .text(let text): summary.append(text)
            case .opened: summary.append("opened")
            }
        }
        return summary
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func `Cut anywhere, with a router that stops and goes on at any time`(_ seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        let requests = (0..<Int.random(in: 1...6, using: &random)).map { Self.request($0, &random) }
        let ending = Array(Self.handshake.utf8) + ClientFrame.text("one") + ClientFrame.text("two")
        let bytes = Array(requests.joined().utf8) + ending

        let whole = try EmbeddedServer()
        for request in requests {
            whole.receive(request)
            whole.answer()
        }
        whole.receive(ending)
        let expected = Self.summary(whole.events)
        try #require(expected.suffix(3) == ["opened", "one", "two"])

        let server = try EmbeddedServer()
        var rest = bytes[...]
        while !rest.isEmpty {
            let most = Bool.random(using: &random) ? 50 : 64 * 1024
            let piece = rest.prefix(Int.random(in: 1...most, using: &random))
            rest = rest.dropFirst(piece.count)
            server.receive(piece)
            server.setFull(false)
            if Bool.random(using: &random) { server.setFull(true) }
        }
        // The handshake waits for all answers.
        #expect(!server.events.contains(.opened(.echo)))
        server.setFull(false)
        for _ in requests { server.answer() }
        #expect(Self.summary(server.events) == expected)
        #expect(server.waitingBytes == 0)
    }
}
