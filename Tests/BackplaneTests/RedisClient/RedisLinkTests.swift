import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Links against a server that says what no Redis says. Seen through the broker, whose links they are.
@Suite(.timeLimit(.minutes(2)))
struct RedisLinkTests {
    private func withBroker(
        at fake: FakeRedis,
        password: String? = nil,
        settings: BrokerSettings = .init(),
        commandTimeout: Duration = .milliseconds(500),
        logger: Logger = .quiet,
        _ body: (BrokerEndpoint) async throws -> Void
    ) async throws {
        var configuration = RedisConfiguration(port: fake.port)
        configuration.password = password
        configuration.commandTimeout = commandTimeout
        try await BrokerKind.run([.redis(configuration, settings: settings, logger: logger)]) { try await body($0[0]) }
        await fake.stop()
    }

    @Test(arguments: [
        "?garbage\r\n", "-ERR go away\r\n", "-LOADING Redis is loading the dataset in memory\r\n", "-MOVED 1 10.0.0.1:7000\r\n",
        "*1000000000\r\n", "$-5\r\n", "+OK\r\n+OK\r\n+OK\r\n+OK\r\n", ":1\r\n:1\r\n", "*0\r\n*0\r\n", "HTTP/1.1 200 OK\r\n\r\n",
        "%1\r\n",
        "+OK\r\n+NOPONG\r\n",
    ])
    func `What is no handshake is redialled`(answer: String) async throws {
        let fake = try await FakeRedis.start { _, _ in .text(answer) }
        try await self.withBroker(at: fake) { endpoint in
            #expect(await eventually { fake.connections >= 6 })
            #expect(!endpoint.broker.health.isUp)
            #expect(endpoint.broker.health.interruptions == 0)
            #expect(await endpoint.publish("alive") == .success(.degraded(here: false)))
        }
    }

    @Test func `Silence and hanging up are redialled`() async throws {
        let fake = try await FakeRedis.start { connection, _ in connection.isMultiple(of: 2) ? .silence : .close }
        try await self.withBroker(at: fake, commandTimeout: .milliseconds(50)) { _ in
            #expect(await eventually { fake.connections >= 8 })
        }
    }

    @Test(arguments: [
        "*3\r\n$8\r\nsmessage\r\n$-1\r\n$1\r\nx\r\n", "*3\r\n$8\r\nsmessage\r\n:1\r\n$1\r\nx\r\n",
        "*2\r\n$8\r\nsmessage\r\n$1\r\nx\r\n",
        "*3\r\n$8\r\nsmessage\r\n$26\r\nvolary:2:h:{default}:t:all\r\n*0\r\n",
        "*3\r\n$10\r\nssubscribe\r\n$26\r\nvolary:2:h:{default}:t:all\r\n$1\r\nx\r\n",
        "*0\r\n",
        "*-1\r\n", "*3\r\n$10\r\nssubscribe\r\n$5\r\nother\r\n:1\r\n",
        "*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\na\r\n$1\r\nb\r\n",
        "+OK\r\n", ":1\r\n",
        "-NOPERM this user has no permissions\r\n", ">3\r\n$8\r\nsmessage\r\n$1\r\na\r\n$1\r\nb\r\n", "*1\r\n:1\r\n",
        "$10\r\nssubscribe\r\n",
        "*3\r\n$12\r\nsunsubscribe\r\n$26\r\nvolary:2:h:{default}:t:all\r\n*1\r\n:1\r\n",
    ])
    func `A wrong answer to subscribe costs the link`(answer: String) async throws {
        let fake = try await FakeRedis.start { _, received in
            if received.contains("SUBSCRIBE") { return .text(answer) }
            return FakeRedis.greeting(to: received).map { .text($0) } ?? .silence
        }
        try await self.withBroker(at: fake) { endpoint in
            let broker = endpoint.broker
            let subscribing = Task { try await broker.subscribe(to: .all) }
            #expect(await eventually { broker.health.interruptions >= 3 })
            #expect(!broker.health.isUp)
            subscribing.cancel()
            await #expect(throws: BrokerError.cancelled) { try await subscribing.value }
        }
    }

    @Test(arguments: ["+OK\r\n", "$1\r\n1\r\n", "-NOPERM no\r\n", "*1\r\n:1\r\n", ":1\r\n:1\r\n:1\r\n", "?"])
    func `A wrong answer to publish costs the link`(answer: String) async throws {
        let fake = try await FakeRedis.start { _, received in
            if received.contains("PUBLISH") || received.contains("DEL") {
                return .text(received.contains("canary") ? ":1\r\n" : answer)
            }
            return .text((FakeRedis.greeting(to: received) ?? "") + FakeRedis.acknowledgement(of: received))
        }
        // Canaries do not come back here, which is not what this is about.
        let settings = BrokerSettings(delivery: .atMostOnce, canaryInterval: .seconds(60))
        try await self.withBroker(at: fake, settings: settings) { endpoint in
            let linked = BrokerHealth.State.down(reason: "nothing has come back through Redis yet")
            #expect(await eventually { endpoint.broker.health.state == linked })
            let before = fake.connections
            _ = await endpoint.publish("x")
            #expect(await eventually { fake.connections > before })
        }
    }

    @Test func `A reason is logged once not at each attempt`() async throws {
        let lines = NIOLockedValueBox<[String]>([])
        let logger = Logger(label: "test") { _ in LineCollector(lines: lines) }
        let fake = try await FakeRedis.start { _, _ in
            .text("-ERR unknown command 'AUTH', with args beginning with: 'hunter2'\r\n")
        }
        // A machine that is slow must not make a missed deadline the second reason.
        try await self.withBroker(at: fake, password: "hunter2", commandTimeout: .seconds(10), logger: logger) { endpoint in
            #expect(await eventually { fake.connections >= 8 })
            let warnings = lines.withLockedValue { $0 }
            #expect(warnings.count == 1, "one for all links together: \(warnings)")
            #expect(warnings.allSatisfy { !$0.contains("hunter2") && $0.contains("AUTH") })
            #expect(!"\(endpoint.broker.health)".contains("hunter2"))
        }
    }

    @Test func `An unreachable host is redialled`() async throws {
        let configuration = RedisConfiguration(host: "no-such-host.invalid")
        try await BrokerKind.run([.redis(configuration)]) { nodes in
            #expect(
                await eventually { nodes[0].broker.health.state != .down(reason: "not connected yet") }
            )
            #expect(await nodes[0].publish("alive") == .success(.degraded(here: false)))
        }
    }
}

/// Keeps warnings, with what they carry.
private struct LineCollector: LogHandler {
    let lines: NIOLockedValueBox<[String]>
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.warning

    init(lines: NIOLockedValueBox<[String]>) { self.lines = lines }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let merged = self.metadata.merging(event.metadata ?? [:]) { $1 }
        self.lines.withLockedValue { $0.append("\(event.message) \(merged)") }
    }
}
