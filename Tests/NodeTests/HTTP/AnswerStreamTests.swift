import Atomics
import HTTPTypes
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

@testable import VolaryNode

/// Streamed answers of a listener.
@Suite(.timeLimit(.minutes(2)))
struct AnswerStreamTests {
    private struct Failure: Error {}

    /// `GET /` is streamed, `GET /whole` is not.
    private static func routes(_ produce: @escaping ResponseBody.Producer) -> RouteTable {
        var routes = RouteTable { try await ProblemMiddleware().handle($0, $1, next: $2) }
        routes.on("/", [.get: { _, _ in Response(status: .ok, headers: [.contentType: "text/plain"], stream: produce) }])
        routes.on("/whole", [.get: { _, _ in Response(status: .ok, body: ByteBuffer(string: "whole")) }])
        return routes
    }

    private static func get(_ path: String = "/", _ version: String = "1.1", _ fields: String = "") -> String {
        "GET \(path) HTTP/\(version)\r\nHost: h\r\n\(fields)\r\n"
    }

    /// Writes a piece, waits for the gate, and writes another.
    private static func twoPieces(_ gate: Gate) -> ResponseBody.Producer {
        { writer in
            try await writer.write(ByteBuffer(string: "one"))
            await gate.pass()
            try await writer.write(ByteBuffer(string: "three"))
        }
    }

    /// Waits until its task is canceled.
    private static func waits(_ isCanceled: NIOLockedValueBox<Bool>) -> ResponseBody.Producer {
        { writer in
            try await writer.write(ByteBuffer(string: "begun"))
            do {
                try await Task.sleep(for: .seconds(3600))
            } catch {
                isCanceled.withLockedValue { $0 = true }
                throw error
            }
        }
    }

    // MARK: - Framing

    @Test func `Over HTTP 1_1 each piece is a chunk that is sent at once, and the connection goes on`() async throws {
        let gate = Gate()
        try await TestListener.with(Self.routes(Self.twoPieces(gate))) { listener in
            let client = try await listener.connect()
            try await client.send(Self.get() + Self.get("/whole"))
            #expect(await eventually { client.received.hasSuffix("\r\n\r\n3\r\none\r\n") }, "\(client.received)")
            #expect(client.received.contains("transfer-encoding: chunked\r\n"))
            #expect(!client.received.contains("content-length"))
            gate.open()
            #expect(await eventually { client.received.hasSuffix("whole") }, "\(client.received)")
            #expect(client.received.contains("one\r\n5\r\nthree\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"))
            #expect(!client.isEnded)
        }
    }

    @Test(arguments: ["", "Connection: keep-alive\r\n"])
    func `For HTTP 1_0 the end of the connection is the end of the answer`(fields: String) async throws {
        let gate = Gate()
        gate.open()
        try await TestListener.with(Self.routes(Self.twoPieces(gate))) { listener in
            let client = try await listener.connect()
            try await client.send(Self.get("/", "1.0", fields))
            #expect(await eventually { client.isEnded })
            #expect(client.received.hasSuffix("\r\n\r\nonethree"), "\(client.received)")
            #expect(client.received.contains("connection: close\r\n") && !client.received.contains("chunked"))
        }
    }

    @Test func `HEAD has the fields of the answer without its body, and the connection goes on`() async throws {
        let isStarted = NIOLockedValueBox(false)
        try await TestListener.with(Self.routes { _ in isStarted.withLockedValue { $0 = true } }) { listener in
            let client = try await listener.connect()
            try await client.send(Self.get().replacing("GET", with: "HEAD") + Self.get("/whole"))
            #expect(await eventually { client.received.hasSuffix("whole") })
            let parts = client.received.split(separator: "\r\n\r\n")
            let head = parts[0].lowercased()
            #expect(head.contains("content-type: text/plain") && !head.contains("chunked") && !head.contains("content-length"))
            #expect(parts[1].hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(!isStarted.withLockedValue { $0 })
        }
    }

    @Test func `An answer that fails breaks off: no client takes it for whole`() async throws {
        let routes = Self.routes { writer in
            try await writer.write(ByteBuffer(string: "one"))
            throw Failure()
        }
        try await TestListener.with(routes) { listener in
            for version in ["1.1", "1.0"] {
                let client = try await listener.connect()
                try await client.send(Self.get("/", version) + Self.get("/whole"))
                #expect(await eventually { client.isEnded })
                #expect(!client.received.contains("0\r\n\r\n") && !client.received.contains("whole"), "\(client.received)")
            }
        }
    }

    // MARK: - Back-pressure

    @Test func `A client that does not read stops the producer, and all of the answer comes once it reads`() async throws {
        let (count, piece) = (400, ByteBuffer(repeating: 0x61, count: 100_000))
        let written = ManagedAtomic<Int>(0)
        let routes = Self.routes { writer in
            for _ in 0..<count {
                try await writer.write(piece)
                written.wrappingIncrement(ordering: .relaxed)
            }
        }
        try await TestListener.with(routes) { listener in
            let client = try await listener.connect()
            try await client.stopReading()
            try await client.send(Self.get("/", "1.0"))
            #expect(await eventually { written.load(ordering: .relaxed) > 0 })
            // Other clients are served in the meantime. The kernel takes some MiB of the 40.
            for _ in 0..<50 { #expect(try await HTTPTestClient(port: listener.port).request("GET", "/whole").status == 200) }
            #expect(written.load(ordering: .relaxed) < count / 2)
            try await client.resumeReading()
            #expect(await eventually { client.isEnded })
            #expect(client.bytes.count > count * piece.readableBytes)
        }
    }

    @Test func `A client that does not read for the time of an answer is cut, and the producer hears of it`() async throws {
        let failure = NIOLockedValueBox<(any Error)?>(nil)
        var settings = EmbeddedServer.settings
        settings.answerTimeout = .milliseconds(300)
        let routes = Self.routes { writer in
            do {
                while true { try await writer.write(ByteBuffer(repeating: 0, count: 100_000)) }
            } catch {
                failure.withLockedValue { $0 = error }
            }
        }
        try await TestListener.with(routes, settings: settings) { listener in
            let client = try await listener.connect()
            try await client.stopReading()
            try await client.send(Self.get())
            #expect(await eventually { failure.withLockedValue { $0 } != nil })
            try await client.resumeReading()
            #expect(await eventually { client.isEnded })
            #expect(!client.received.hasSuffix("0\r\n\r\n"))
        }
    }

    @Test func `A stream may be silent for longer than the times of requests`() async throws {
        let gate = Gate()
        var settings = EmbeddedServer.settings
        (settings.answerTimeout, settings.bodyTimeout) = (.milliseconds(200), .milliseconds(200))
        (settings.idleTimeout, settings.handshakeTimeout) = (.seconds(1), .seconds(1))
        try await TestListener.with(Self.routes(Self.twoPieces(gate)), settings: settings) { listener in
            let client = try await listener.connect()
            try await client.send(Self.get())
            #expect(await eventually { client.received.contains("one") })
            // The timeout of another connection expires.
            let silent = try await listener.connect()
            #expect(await eventually { silent.isEnded })
            gate.open()
            #expect(await eventually { client.received.hasSuffix("0\r\n\r\n") }, "\(client.received)")
        }
    }

    // MARK: - The end

    @Test func `When the client resets the connection, the producer is canceled`() async throws {
        let isCanceled = NIOLockedValueBox(false)
        try await TestListener.with(Self.routes(Self.waits(isCanceled))) { listener in
            var client: RawTestClient? = try await listener.connect()
            try await client?.reset(behind: Self.get()) { $0.contains("begun") }
            client = nil
            #expect(await eventually { isCanceled.withLockedValue { $0 } })
        }
    }

    @Test func `Who ends its half has the answer to its end, but not one that is silent for the time of an answer`() async throws
    {
        let (isCanceled, gate) = (NIOLockedValueBox(false), Gate())
        var settings = EmbeddedServer.settings
        settings.answerTimeout = .seconds(1)
        let routes = Self.routes { writer in
            try await Self.twoPieces(gate)(writer)
            try await Self.waits(isCanceled)(writer)
        }
        try await TestListener.with(routes, settings: settings) { listener in
            let client = try await listener.connect()
            try await client.send(Self.get())
            try await client.endOutput()
            #expect(await eventually { client.received.contains("one") })
            gate.open()
            #expect(await eventually { client.received.contains("begun") })
            #expect(await eventually { isCanceled.withLockedValue { $0 } && client.isEnded })
        }
    }

    @Test func `A listener that stops waits for an answer that streams, and breaks it off when its time is up`() async throws {
        let (isCanceled, gate) = (NIOLockedValueBox(false), Gate())
        var clients: [RawTestClient] = []
        var routes = Self.routes(Self.waits(isCanceled))
        routes.on("/short", [.get: { _, _ in Response(status: .ok, stream: Self.twoPieces(gate)) }])
        try await TestListener.with(routes, drainTime: .seconds(2)) { listener in
            for path in ["/", "/short"] {
                clients.append(try await listener.connect())
                try await clients.last?.send(Self.get(path))
            }
            #expect(await eventually { clients[0].received.contains("begun") && clients[1].received.contains("one") })
            await listener.stop()
            gate.open()
            #expect(await eventually { clients[1].received.hasSuffix("0\r\n\r\n") && clients[1].isEnded })
        }
        #expect(await eventually { clients[0].isEnded })
        #expect(isCanceled.withLockedValue { $0 } && !clients[0].received.hasSuffix("0\r\n\r\n"))
    }
}
