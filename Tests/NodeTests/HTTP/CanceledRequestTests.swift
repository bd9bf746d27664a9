import HTTPTypes
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

@testable import VolaryNode

/// Requests whose client disconnects, or does not read, while they are being answered.
@Suite(.timeLimit(.minutes(2)))
struct CanceledRequestTests {
    private struct Log {
        var begun = 0
        var ended = 0
        var canceled = 0
    }

    /// Each route waits until its task is canceled or the gate is open, and answers with `bytes`.
    private static func routes(_ log: NIOLockedValueBox<Log>, isOpen: NIOLockedValueBox<Bool>, bytes: Int = 4) -> RouteTable {
        let handler: RouteHandler = { _, _ in
            log.withLockedValue { $0.begun += 1 }
            _ = await eventually { Task.isCancelled || isOpen.withLockedValue { $0 } }
            log.withLockedValue { log in
                log.ended += 1
                if Task.isCancelled { log.canceled += 1 }
            }
            try Task.checkCancellation()
            return Response(status: .ok, body: ByteBuffer(repeating: 0x61, count: bytes))
        }
        var routes = RouteTable { try await ProblemMiddleware().handle($0, $1, next: $2) }
        routes.on("/", [.get: handler, .delete: handler])
        return routes
    }

    private static func request(_ method: String) -> String { "\(method) / HTTP/1.1\r\nHost: h\r\n\r\n" }

    @Test(arguments: ["GET", "HEAD"])
    func `When the client resets the connection, the route that reads for it is canceled`(method: String) async throws {
        let (log, isOpen) = (NIOLockedValueBox(Log()), NIOLockedValueBox(false))
        try await TestListener.with(Self.routes(log, isOpen: isOpen)) { listener in
            let client = try await listener.connect()
            try await client.reset(behind: Self.request(method)) { _ in log.withLockedValue { $0.begun == 1 } }
            #expect(await eventually(within: .seconds(10)) { log.withLockedValue { $0.canceled == 1 } })
        }
    }

    @Test func `A route that changes something is not canceled when the client resets the connection`() async throws {
        let (log, isOpen) = (NIOLockedValueBox(Log()), NIOLockedValueBox(false))
        try await TestListener.with(Self.routes(log, isOpen: isOpen)) { listener in
            let deleting = try await listener.connect()
            try await deleting.reset(behind: Self.request("DELETE")) { _ in log.withLockedValue { $0.begun == 1 } }
            // The node has learned of a later disconnection by then, and so of this one.
            let reading = try await listener.connect()
            try await reading.reset(behind: Self.request("GET")) { _ in log.withLockedValue { $0.begun == 2 } }
            #expect(await eventually { log.withLockedValue { $0.canceled == 1 } })
            #expect(log.withLockedValue { $0.ended == 1 })
            isOpen.withLockedValue { $0 = true }
            #expect(await eventually { log.withLockedValue { $0.ended == 2 && $0.canceled == 1 } })
        }
    }

    @Test func `A client that closes its half still gets its answer`() async throws {
        let (log, isOpen) = (NIOLockedValueBox(Log()), NIOLockedValueBox(false))
        try await TestListener.with(Self.routes(log, isOpen: isOpen)) { listener in
            let client = try await listener.connect()
            try await client.send(Self.request("GET"))
            try await client.endOutput()
            #expect(await eventually { log.withLockedValue { $0.begun == 1 } })
            isOpen.withLockedValue { $0 = true }
            #expect(await eventually { client.isEnded })
            #expect(client.received.hasPrefix("HTTP/1.1 200 ") && client.received.hasSuffix("\r\n\r\naaaa"), "\(client.received)")
            #expect(log.withLockedValue { $0.canceled == 0 })
        }
    }

    @Test func `A route has ended before its answer is read, so a client that does not read holds up nobody`() async throws {
        let (log, isOpen) = (NIOLockedValueBox(Log()), NIOLockedValueBox(true))
        // More than the kernel takes.
        try await TestListener.with(Self.routes(log, isOpen: isOpen, bytes: 16_000_000)) { listener in
            let client = try await listener.connect()
            try await client.stopReading()
            try await client.send(Self.request("GET") + Self.request("GET"))
            #expect(await eventually { log.withLockedValue { $0.ended == 1 } })
            #expect(try await HTTPTestClient(port: listener.port).request("DELETE", "/").status == 200)
            #expect(log.withLockedValue { $0.begun == 2 }, "the second request waits until the answer to the first is read")
            try await client.resumeReading()
            #expect(await eventually { log.withLockedValue { $0.ended == 3 } })
        }
    }

    @Test func `When the time of a listener that stops is up, a route that reads is canceled and answered with 503`() async throws
    {
        let (log, isOpen) = (NIOLockedValueBox(Log()), NIOLockedValueBox(false))
        var clients: [RawTestClient] = []
        try await TestListener.with(Self.routes(log, isOpen: isOpen), drainTime: .milliseconds(100)) { listener in
            clients.append(try await listener.connect())
            try await clients[0].send(Self.request("GET"))
            #expect(await eventually { log.withLockedValue { $0.begun == 1 } })
            await listener.stop()
            #expect(await eventually { clients[0].isEnded })
        }
        #expect(clients[0].received.hasPrefix("HTTP/1.1 503 "), "\(clients[0].received)")
        #expect(log.withLockedValue { $0.canceled == 1 })
    }
}
