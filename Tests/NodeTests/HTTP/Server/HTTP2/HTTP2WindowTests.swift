import HTTPTypes
import NIOCore
import NIOHTTP2
import TestSupport
import Testing

@testable import VolaryNode

/// Windows of streams and of connections that are empty, negative, overflow or become smaller, and errors of a connection.
@Suite(.timeLimit(.minutes(2)))
struct HTTP2WindowTests {
    @Test func `Streams without any window wait, and a window for all of them lets them go on`() async throws {
        try await HTTP2Node.with(window: 0) { client, _ in
            var streams: [HTTP2TestStream] = []
            for number in 0..<5 {
                let stream = try await client.webSocket()
                try await stream.send(ClientFrame.text("\(number)"))
                streams.append(stream)
            }
            let answer = try await client.send("GET", "/livez")
            #expect(await eventually { answer.status == 200 })
            #expect(streams.allSatisfy { $0.bytes == 0 })
            try await client.setWindow(1000)
            for (number, stream) in streams.enumerated() { #expect(await stream.frames(1) == [.text("\(number)")]) }
            try await answer.waitForEnd()
            try await client.setWindow(0)
            try await streams[0].send(ClientFrame.text("negative"))
            try await streams[0].grant(2000)
            #expect(await streams[0].frames(2).last == .text("negative"))
        }
    }

    @Test(arguments: [
        (0x7FFF_FFFF as UInt32, 3 as UInt32), (0, 1),
    ])
    func `A window of a stream that overflows, or grows by nothing, resets the stream alone`(
        increment: UInt32,
        code: UInt32
    ) async throws {
        try await APITestNode.with([.http2: "on"]) { node in
            let client = try await HTTP2Node.raw(port: node.port)
            try await client.send(bytes: HTTP2Bytes.connect(stream: 1) + HTTP2Bytes.connect(stream: 3))
            #expect(await eventually { client.frames.count { $0.kind == HTTP2Bytes.Kind.headers.rawValue } == 2 })
            try await client.send(bytes: HTTP2Bytes.windowUpdate(stream: 1, increment))
            #expect(await eventually { client.codes(.resetStream) == [code] })
            try await client.send(bytes: HTTP2Bytes.frame(.data, stream: 3, ClientFrame.text("x")))
            let isEchoed = await eventually {
                client.frames.contains { $0.kind == 0 && $0.stream == 3 && $0.payload == [0x81, 1, UInt8(ascii: "x")] }
            }
            #expect(isEchoed)
            #expect(!client.isEnded)
        }
    }

    /// An end without data needs no window; with a negative one, NIO's handler would end the process.
    @Test func `A stream that ends while its window is negative ends without a frame of data`() async throws {
        let gate = Gate()
        let get: RouteHandler = { _, _ in
            Response(status: .ok) { writer in
                try await writer.write(ByteBuffer(repeating: 1, count: 1000))
                await gate.pass()
            }
        }
        try await HTTP2Routes.with([.get: get]) { client, _ in
            let stream = try await client.send("GET", "/")
            #expect(await eventually { stream.bytes == 1000 })
            try await client.setWindow(0)
            gate.open()
            #expect(await eventually { stream.hasEnd })
            #expect(stream.bytes == 1000)
            #expect(stream.reset == nil)
            let other = try await client.send("GET", "/")
            #expect(await eventually { other.status == 200 })
            #expect(!other.hasEnd)
            try await client.setWindow(1000)
            #expect(await eventually { other.hasEnd })
        }
        try await HTTP2Node.with { client, _ in
            let (stream, other) = (try await client.webSocket(), try await client.webSocket())
            try await stream.send(ClientFrame.text([UInt8](repeating: 65, count: 1000)))
            #expect(await stream.frames(1).count == 1)
            try await client.setWindow(0)
            try await stream.send(ClientFrame.pong(), ends: true)
            #expect(await eventually { stream.hasEnd })
            #expect(stream.reset == nil)
            try await client.setWindow(100)
            try await other.send(ClientFrame.text("x"))
            #expect(await other.frames(1) == [.text("x")])
        }
    }

    @Test func `Smaller windows cut nothing off that waits`() async throws {
        let get: RouteHandler = { _, _ in
            Response(status: .ok) { writer in for _ in 0..<3 { try await writer.write(ByteBuffer(repeating: 1, count: 1000)) } }
        }
        try await HTTP2Routes.with([.get: get]) { client, _ in
            try await client.setWindow(1500)
            let stream = try await client.open(HTTP2Routes.head("GET"), ends: true, isDeaf: true)
            #expect(await eventually { stream.bytes == 1500 })
            try await client.setWindow(1400)
            try await stream.grant(10_000)
            #expect(await eventually { stream.hasEnd })
            #expect(stream.bytes == 3000)
        }
        try await HTTP2Node.with { client, _ in
            try await client.setWindow(1500)
            let stream = try await client.webSocket(isDeaf: true)
            try await stream.send((0..<3).flatMap { _ in ClientFrame.text([UInt8](repeating: 65, count: 996)) })
            #expect(await eventually { stream.bytes == 1500 })
            try await client.setWindow(1400)
            stream.begin([], ends: true)
            try await stream.grant(10_000)
            #expect(await eventually { stream.hasEnd })
            #expect(stream.frames.count == 3)
        }
    }

    @Test func `An end that waits for a window is reset when the windows become smaller`() async throws {
        try await APITestNode.with([.http2: "on"]) { node in
            let client = try await HTTP2Node.raw(port: node.port)
            try await client.send(bytes: [1, 3, 5].flatMap { HTTP2Bytes.connect(stream: $0) })
            #expect(await eventually { client.frames.count { $0.kind == HTTP2Bytes.Kind.headers.rawValue } == 3 })
            // The echoes use the window of the connection, to the last byte. What is sent fits into each stream's window.
            let received = { (stream: UInt32) in client.frames.filter { $0.kind == 0 && $0.stream == stream } }
            for (stream, bytes) in [(5, 535), (1, 65_000)] as [(UInt32, Int)] {
                let echo = ClientFrame.text([UInt8](repeating: 65, count: bytes - 4))
                for start in stride(from: 0, to: echo.count, by: 16_000) {
                    let part = Array(echo[start..<min(start + 16_000, echo.count)])
                    try await client.send(bytes: HTTP2Bytes.frame(.data, stream: stream, part))
                }
                #expect(await eventually { received(stream).reduce(0) { $0 + $1.payload.count } == bytes })
            }
            try await client.send(bytes: HTTP2Bytes.frame(.data, flags: HTTP2Bytes.endStream, stream: 3, ClientFrame.pong()))
            try await client.send(bytes: HTTP2Bytes.frame(.data, flags: HTTP2Bytes.endStream, stream: 1, ClientFrame.pong()))
            try await client.send(bytes: HTTP2Bytes.frame(.ping, stream: 0, [UInt8](repeating: 0, count: 8)))
            #expect(await eventually { client.frames.contains { $0.kind == HTTP2Bytes.Kind.ping.rawValue } })
            #expect(received(1).allSatisfy { $0.flags == 0 } && received(3).isEmpty)
            try await client.send(bytes: HTTP2Bytes.setting(4, 0))
            #expect(await eventually { client.codes(.resetStream) == [8, 8] })
            try await client.send(bytes: HTTP2Bytes.windowUpdate(stream: 0, 1000))
            try await client.send(bytes: HTTP2Bytes.get(stream: 7, "/livez"))
            #expect(await eventually { client.frames.contains { $0.kind == HTTP2Bytes.Kind.headers.rawValue && $0.stream == 7 } })
        }
    }

    /// Each ends the connection with a GOAWAY frame, at once.
    @Test(arguments: [
        ("an overflowing window", HTTP2Bytes.windowUpdate(stream: 0, 0x7FFF_FFFF), 3 as UInt32),
        ("a window that grows by nothing", HTTP2Bytes.windowUpdate(stream: 0, 0), 1),
        ("an even stream", HTTP2Bytes.get(stream: 2, "/livez"), 1),
        ("an older stream", HTTP2Bytes.get(stream: 3, "/livez") + HTTP2Bytes.get(stream: 1, "/livez"), 1),
        ("data on a stream that never was", HTTP2Bytes.frame(.data, stream: 5, [1]), 1),
        ("a frame that is too large", HTTP2Bytes.frame(.data, stream: 1, length: 20_000, []), 6),
        ("fields that are no HPACK", HTTP2Bytes.frame(.headers, flags: 5, stream: 1, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF]), 9),
        (
            "fields without an end",
            HTTP2Bytes.frame(.headers, stream: 1, [0x82]) + HTTP2Bytes.frame(.ping, stream: 0, [UInt8](repeating: 0, count: 8)), 1
        ),
        ("a wrong setting", HTTP2Bytes.setting(4, 0x8000_0000), 3),
        ("a ping of seven bytes", HTTP2Bytes.frame(.ping, stream: 0, [1, 2, 3, 4, 5, 6, 7]), 6),
    ])
    func `An error of the connection ends it`(name: String, bytes: [UInt8], code: UInt32) async throws {
        try await APITestNode.with([.http2: "on"]) { node in
            let client = try await HTTP2Node.raw(port: node.port)
            try await client.send(bytes: bytes)
            #expect(await eventually(within: .seconds(5)) { client.isEnded }, "\(name)")
            #expect(client.codes(.goAway) == [code], "\(name)")
        }
    }
}
