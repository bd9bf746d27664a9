import TestSupport
import Testing

/// The proxy that stands for a bad network.
@Suite
struct TCPProxyTests {
    /// A server that answers each piece with `<piece>!`, behind a proxy.
    private static func run(_ body: (TCPProxy, RawTestClient) async throws -> Void) async throws {
        let server = try await FakeRedis.start { _, received in .text("\(received)!") }
        let proxy = try await TCPProxy.start(to: server.port)
        let client = try await RawTestClient.connect(port: proxy.port)
        do {
            try await body(proxy, client)
        } catch {
            await proxy.stop()
            await server.stop()
            throw error
        }
        await proxy.stop()
        await server.stop()
    }

    @Test
    func `It passes what it is given, and counts it`() async throws {
        try await Self.run { proxy, client in
            try await client.send("hello")
            #expect(await eventually { client.received == "hello!" })
            #expect(proxy.counters.connections == 1)
            #expect(proxy.counters.bytes == 11)
            #expect(proxy.counters.hinderedBytes == 0)
        }
    }

    @Test(arguments: TCPProxy.Direction.allCases)
    func `One direction held: the server hears and is not heard, until it lets go`(direction: TCPProxy.Direction) async throws {
        try await Self.run { proxy, client in
            try await proxy.set(.hold, [direction])
            try await client.send("a")
            #expect(await eventually { proxy.counters.hinderedBytes > 0 })
            #expect(proxy.counters.bytes == (direction == .toServer ? 1 : 3))
            #expect(client.received.isEmpty)
            try await proxy.set(.pass)
            #expect(await eventually { client.received == "a!" })
        }
    }

    @Test
    func `A delay delays, a throttle chokes`() async throws {
        try await Self.run { proxy, client in
            try await proxy.set(.delay(.milliseconds(150)))
            var start = ContinuousClock.now
            try await client.send("a")
            #expect(await eventually { client.received == "a!" })
            #expect(start.duration(to: .now) >= .milliseconds(300))
            try await proxy.set(.throttle(bytesPerSecond: 1000), [.toServer])
            try await proxy.set(.pass, [.toClient])
            start = .now
            try await client.send(String(repeating: "b", count: 300))
            #expect(await eventually { client.received.contains("b!") })
            #expect(start.duration(to: .now) >= .milliseconds(300))
        }
    }

    @Test
    func `More than a buffer comes through whole, held back or not`() async throws {
        try await Self.run { proxy, client in
            try await proxy.set(.hold, [.toClient])
            try await client.send(String(repeating: "x", count: 600_000))
            #expect(await eventually { proxy.counters.hinderedBytes > 0 })
            try await proxy.set(.pass)
            #expect(await eventually { client.received.utf8.count { $0 == UInt8(ascii: "x") } == 600_000 })
        }
    }

    @Test
    func `The end of either side ends the other; a server that is not there is the end of a connection`() async throws {
        try await Self.run { proxy, client in
            try await client.send("a")
            #expect(await eventually { client.received == "a!" })
            try await proxy.cut()
            #expect(await eventually { client.isEnded })
        }
        let gone = try await FakeRedis.start { _, _ in .close }
        let proxy = try await TCPProxy.start(to: gone.port)
        let closed = try await RawTestClient.connect(port: proxy.port)
        try await closed.send("a")
        #expect(await eventually { closed.isEnded })
        await gone.stop()
        let refused = try await RawTestClient.connect(port: proxy.port)
        #expect(await eventually { refused.isEnded })
        #expect(await eventually { proxy.counters.serverEnds == 2 })
        await proxy.stop()
    }
}
