import HTTPTypes
import NIOCore
import NIOHTTP2
import TestSupport
import Testing

@testable import VolaryNode

/// Clients that give no window, do not read, or send too much. See also ``HTTP2WindowTests``.
@Suite(.timeLimit(.minutes(3)))
struct HTTP2PressureTests {
    private static func broadcast(_ bytes: Int, _ node: APITestNode) async throws {
        let text = String(repeating: "x", count: bytes)
        let answer = try await node.http.request("POST", "/api/connections/broadcast", body: #"{"message": "\#(text)"}"#)
        #expect(answer.status == 200, "\(answer.body)")
    }

    // MARK: - Unsent bytes

    @Test func `A stream without window is closed with 1013 above the limit, then reset, and its neighbors go on`() async throws {
        try await HTTP2Node.with([.maximumUnsent: "256KiB", .closeTimeout: "1s"]) { client, node in
            let (deaf, other) = (try await client.webSocket("/ws", isDeaf: true), try await client.webSocket("/ws"))
            #expect(try await node.listed(2).count == 2)
            for _ in 0..<10 { try await Self.broadcast(60_000, node) }
            #expect(await eventually { deaf.reset != nil })
            #expect(deaf.reset == .cancel)
            #expect(deaf.bytes == 65_535)
            #expect(await other.frames(10).count == 10)
            #expect(try await node.listed(1).count == 1)
            try await Self.broadcast(5, node)
            #expect(await other.frames(11).count == 11)
            #expect(client.goAways.isEmpty)
        }
    }

    @Test func `The close frame with 1013 arrives behind the messages, at a client that reads again`() async throws {
        try await HTTP2Node.with([.maximumUnsent: "256KiB", .closeTimeout: "20s"]) { client, node in
            let deaf = try await client.webSocket("/ws", isDeaf: true)
            #expect(try await node.listed(1).count == 1)
            for _ in 0..<10 { try await Self.broadcast(60_000, node) }
            try await deaf.grant(10_000_000)
            #expect(await eventually { if case .close? = deaf.frames.last { true } else { false } })
            guard case .close(1013, _)? = deaf.frames.last else {
                Issue.record("\(String(describing: deaf.frames.last))")
                return
            }
            #expect((5...9).contains(deaf.frames.count))
            try await deaf.send(ClientFrame.close(1013), ends: true)
            #expect(await eventually { deaf.hasEnd })
            #expect(deaf.reset == nil)
        }
    }

    @Test func `A stream whose bytes do not leave is closed at their age`() async throws {
        let options: [ConfigurationOption: String] = [
            .maximumUnsentAge: "3s", .pingInterval: "10s", .closeTimeout: "1s", .maximumUnsent: "64MiB",
        ]
        try await HTTP2Node.with(options) { client, node in
            let (deaf, other) = (try await client.webSocket("/ws", isDeaf: true), try await client.webSocket("/ws"))
            #expect(try await node.listed(2).count == 2)
            for _ in 0..<4 { try await Self.broadcast(60_000, node) }
            // The neighbor answers the pings.
            var answered = 0
            let isOver = await eventually {
                let pings = other.frames.count { if case .ping = $0 { true } else { false } }
                for _ in answered..<max(answered, pings) { other.begin(ClientFrame.pong()) }
                answered = max(answered, pings)
                return deaf.reset != nil
            }
            #expect(isOver)
            #expect(!other.isOver, "\(other.frames.suffix(2)), \(String(describing: other.reset))")
        }
    }

    @Test func `A connection whose socket is full ends its streams, those that came last as well`() async throws {
        let options: [ConfigurationOption: String] = [.maximumUnsent: "64KiB", .closeTimeout: "1s", .threads: "1"]
        try await HTTP2Node.with(options, window: 1 << 24) { client, node in
            let first = try await client.webSocket("/ws")
            #expect(try await node.listed(1).count == 1)
            try await client.stopReading()
            // More than the kernel and the connection's window hold.
            for _ in 0..<40 { try await Self.broadcast(250_000, node) }
            let late = try await client.connect("/ws", [("sec-websocket-version", "13")])
            for _ in 0..<10 { try await Self.broadcast(250_000, node) }
            #expect(try await node.listed(0).isEmpty, "both are closed, and then reset")
            #expect(!first.isOver && !late.isOver)
        }
    }

    // MARK: - Read back-pressure

    @Test func `A client that sends and does not read is not read beyond the window of its stream`() async throws {
        try await HTTP2Node.with { client, _ in
            let (deaf, other) = (try await client.webSocket(isDeaf: true), try await client.webSocket())
            let flood = (0..<5000).flatMap { _ in ClientFrame.text([UInt8](repeating: 65, count: 1000)) }
            deaf.begin(flood)
            // The echoes fill the window of the client, then the node's limit, and then the node's window.
            #expect(await eventually { deaf.bytes == 65_535 })
            for number in 0..<20 {
                try await other.send(ClientFrame.text("\(number)"))
                #expect(await other.frames(number + 1).last == .text("\(number)"))
            }
            let granted = deaf.granted
            #expect(granted < 1_000_000)
            #expect(await !eventually(within: .milliseconds(300)) { deaf.granted > granted + 65_536 })
            try await deaf.grant(10_000_000)
            #expect(await eventually { deaf.frames.count == 5000 })
        }
    }

    @Test func `Nor if its messages are so small that their echoes would fit below every limit`() async throws {
        try await HTTP2Node.with(window: 0) { client, _ in
            let deaf = try await client.webSocket(isDeaf: true)
            let text = [UInt8](repeating: 65, count: 20)
            for _ in 0..<2700 { deaf.begin(ClientFrame.text(text)) }
            #expect(await !eventually(within: .milliseconds(500)) { deaf.granted > 32_768 })
            #expect(deaf.bytes == 0)
            try await deaf.grant(10_000_000)
            // Perhaps pings, too.
            #expect(await eventually(within: .seconds(60)) { deaf.bytes >= 2700 * 22 })
        }
    }

    @Test func `Nothing of this closes a stream that reads`() async throws {
        try await HTTP2Node.with { client, _ in
            let stream = try await client.webSocket()
            let texts = (0..<2000).map { "\($0) " + String(repeating: "y", count: 500) }
            stream.begin(texts.flatMap { ClientFrame.text($0) })
            #expect(await eventually { stream.frames.count == 2000 })
            #expect(stream.frames == texts.map { .text($0) })
        }
    }

    @Test func `DATA frames without data are no flood`() async throws {
        try await APITestNode.with([.http2: "on"]) { node in
            let client = try await HTTP2Node.raw(port: node.port)
            try await client.send(bytes: HTTP2Bytes.connect(stream: 1))
            let empty = HTTP2Bytes.frame(.data, stream: 1, []) + HTTP2Bytes.frame(.data, flags: 8, stream: 1, [1, 0])
            try await client.send(
                bytes: (0..<500).flatMap { _ in empty } + HTTP2Bytes.frame(.data, stream: 1, ClientFrame.text("x"))
            )
            #expect(await eventually { client.frames.contains { $0.payload == [0x81, 1, UInt8(ascii: "x")] } })
            #expect(client.codes(.goAway).isEmpty)
        }
    }
}
