import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import VolaryBackplane

/// Names with several addresses: every one of 127.0.0.0/8 is this machine, and any port may be different on each.
@Suite(.timeLimit(.minutes(2)))
struct RedisConnectorTests {
    private static func replica() async throws -> FakeRedis {
        try await FakeRedis.start(host: "127.0.0.3") { _, received in
            let answer = FakeRedis.greeting(to: received) ?? ""
            return .text(answer.replacing("$6\r\nmaster", with: "$5\r\nslave"))
        }
    }

    /// A port on which nobody listens any more.
    private static func refusingPort() async throws -> Int {
        let redis = try await FakeRedis.start { _, _ in .silence }
        await redis.stop()
        return redis.port
    }

    private static let loop = MultiThreadedEventLoopGroup.singleton.any()

    /// Dials a name that has these addresses.
    /// - Returns: whom the connection is to; the reason where there is none.
    private static func dial(_ addresses: [(host: String, port: Int)]) async throws -> Result<String, RedisConnectError> {
        let found = try addresses.map { try SocketAddress(ipAddress: $0.host, port: $0.port) }
        var configuration = RedisConfiguration(host: "redis.test", port: 1)
        configuration.connectTimeout = .milliseconds(700)
        configuration.commandTimeout = .milliseconds(700)
        let promise = Self.loop.makePromise(of: Result<String, RedisConnectError>.self)
        let settings = configuration
        Self.loop.execute {
            let dial = RedisConnector(
                to: RedisAddress(host: "redis.test", port: 1),
                as: "test",
                peer: .master,
                subscribes: false,
                configuration: settings,
                tls: nil,
                eventLoop: Self.loop.assumeIsolated(),
                lookup: { address, loop in
                    #expect(address.host == "redis.test")
                    return found.isEmpty ? loop.makeFailedFuture(RedisResolver.Unknown()) : loop.makeSucceededFuture(found)
                }
            )
            dial.start { result in
                promise.succeed(
                    result.map { handler in
                        defer { handler.close(reason: "seen") }
                        return handler.peer ?? ""
                    }
                )
                withExtendedLifetime(dial) {}
            }
        }
        return try await promise.futureResult.get()
    }

    @Test
    func `The first that gives a link has it: neither one that refuses, nor a replica, nor one that says nothing is in the way`()
        async throws
    {
        let server = try RedisServer.start()
        defer { server.stop() }
        let replica = try await Self.replica()
        let silent = try await FakeRedis.start(host: "127.0.0.2") { _, _ in .silence }
        let refusing = try await Self.refusingPort()
        let start = ContinuousClock.now
        let result = try await Self.dial([
            ("127.0.0.4", refusing), (host: "127.0.0.3", port: replica.port), ("127.0.0.2", silent.port),
            ("127.0.0.1", server.port),
        ])
        #expect(result == .success("127.0.0.1:\(server.port)"))
        #expect(ContinuousClock.now - start < .seconds(2))
        await replica.stop()
        await silent.stop()
    }

    @Test
    func `More dead ones than are tried at a time are tried all the same`() async throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        let silent = try await FakeRedis.start(host: "127.0.0.2") { _, _ in .silence }
        let dead = Array(repeating: (host: "127.0.0.2", port: silent.port), count: 6)
        let result = try await Self.dial(dead + [(host: "127.0.0.1", port: server.port)])
        #expect(result == .success("127.0.0.1:\(server.port)"))
        await silent.stop()
    }

    @Test
    func `Where none does, the reason is the one that tells most`() async throws {
        let replica = try await Self.replica()
        let refusing = (host: "127.0.0.1", port: try await Self.refusingPort())
        #expect(try await Self.dial([refusing, (host: "127.0.0.3", port: replica.port), refusing]) == .failure(.replica))
        guard case .failure(.unreachable(let reason)) = try await Self.dial([refusing]) else {
            Issue.record("it was reached")
            return
        }
        #expect(reason.contains("refused"))
        #expect(try await Self.dial([]) == .failure(.unreachable("the host's name does not resolve")))
        await replica.stop()
    }

    @Test
    func `A name is looked up for each connection: one that moves is followed`() async throws {
        let (first, second) = (try RedisServer.start(), try RedisServer.start())
        defer { for server in [first, second] { server.stop() } }
        let port = NIOLockedValueBox(first.port)
        let looked = NIOLockedValueBox(0)
        let states = NIOLockedValueBox<[String?]>([])
        let link = try await Self.loop.submit {
            let link = RedisLink(
                role: "test",
                to: .sentinel(RedisAddress(host: "redis.test", port: 1)),
                configuration: RedisConfiguration(),
                eventLoop: Self.loop,
                logger: .quiet,
                lookup: { _, loop in
                    looked.withLockedValue { $0 += 1 }
                    return loop.makeCompletedFuture {
                        try [SocketAddress(ipAddress: "127.0.0.1", port: port.withLockedValue { $0 })]
                    }
                }
            )
            let watcher = Watcher(states)
            link.delegate = watcher
            link.start()
            return NIOLoopBound((link, watcher), eventLoop: Self.loop)
        }.get()
        #expect(await eventually { states.withLockedValue { $0 } == ["up"] })
        port.withLockedValue { $0 = second.port }
        first.kill()
        #expect(await eventually { states.withLockedValue { $0.last } == "up" && states.withLockedValue { $0.count } == 3 })
        #expect(looked.withLockedValue { $0 } >= 2)
        #expect(second.command("CLIENT", "LIST")?.contains("volary-test") == true)
        try await Self.loop.submit { link.value.0.stop() }.get()
    }

    private final class Watcher: RedisLinkDelegate {
        private let states: NIOLockedValueBox<[String?]>
        init(_ states: NIOLockedValueBox<[String?]>) { self.states = states }
        func linkBecameReady(_ link: RedisLink) { self.states.withLockedValue { $0.append("up") } }
        func linkWasLost(_ link: RedisLink, _ loss: RedisLinkLoss) { self.states.withLockedValue { $0.append("down") } }
        func link(_ link: RedisLink, received pushes: [RedisPush]) {}
    }
}
