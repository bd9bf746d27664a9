import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import ServiceLifecycle
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

/// A real Redis that dies, freezes, comes back, refuses and loses connections.
@Suite(.timeLimit(.minutes(2)))
struct RedisBrokerOutageTests {
    private func withNodes(
        _ count: Int,
        arguments: [String] = [],
        commandTimeout: Duration? = nil,
        _ body: (RedisServer, [BrokerEndpoint]) async throws -> Void
    ) async throws {
        let server = try RedisServer.start(arguments: arguments)
        defer { server.stop() }
        var configuration = try RedisConfiguration(url: server.url)
        if let commandTimeout { configuration.commandTimeout = commandTimeout }
        let configured = configuration
        try await BrokerKind.run((0..<count).map { _ in .redis(configured) }) { nodes in
            for node in nodes { try await node.broker.subscribe(to: .all) }
            try await body(server, nodes)
        }
    }

    @Test func `What waited for Redis goes out in order once`() async throws {
        try await self.withNodes(3) { server, nodes in
            #expect(await nodes[0].publish("before") == .success(.relayed(receivers: 3)))
            #expect(await eventually { nodes.allSatisfy { $0.receiver.texts == ["before"] } })
            server.kill()
            #expect(await eventually { nodes.allSatisfy { !$0.broker.health.isUp } })
            for number in 0..<100 { #expect(await nodes[0].publish("\(number)") == .success(.degraded(here: true))) }
            let own = ["before"] + (0..<100).map(String.init)
            #expect(nodes[0].receiver.texts == own)
            #expect(nodes[1].receiver.texts == ["before"])
            #expect(await eventually { nodes[0].broker.health.waiting == 100 })

            try server.restart()
            #expect(await eventually { nodes.allSatisfy { $0.broker.health.isUp } })
            #expect(nodes.allSatisfy { $0.broker.health.interruptions == 1 && $0.broker.health.waiting == 0 })
            #expect(await nodes[0].publish("after") == .success(.relayed(receivers: 3)))
            #expect(await eventually { nodes.allSatisfy { $0.receiver.texts.last == "after" } })
            #expect(nodes.allSatisfy { $0.receiver.texts == own + ["after"] })
        }
    }

    @Test func `A lost publisher costs nobody anything`() async throws {
        try await self.withNodes(2) { server, nodes in
            let before = Self.connectionsReceived(server)
            // While messages are under way, the publishers' connections are cut again and again.
            for number in 0..<2000 {
                nodes[number % 2].post("\(number)")
                if number % 400 == 200 {
                    #expect(await eventually { nodes.allSatisfy { $0.broker.health.isUp } })
                    for line in (server.command("CLIENT", "LIST") ?? "").split(separator: "\n")
                    where line.contains("volary-publisher") {
                        let id = line.split(separator: " ").first { $0.contains("id=") }?.drop { $0 != "=" }.dropFirst() ?? ""
                        server.command("CLIENT", "KILL", "ID", String(id))
                    }
                }
                if number % 50 == 0 { try await Task.sleep(for: .milliseconds(2)) }
            }
            #expect(await eventually { nodes.allSatisfy { $0.receiver.texts.count >= 2000 } })
            #expect(await eventually { nodes.allSatisfy { $0.broker.health.isUp } })
            // Five times the question whom to cut, and how many there were; at least once both links were there: two cuts, two new links.
            #expect(Self.connectionsReceived(server) - before >= 5 + 1 + 2 + 2)
            #expect(nodes.allSatisfy { $0.broker.health.interruptions == 0 })
            for node in nodes {
                let texts = node.receiver.texts
                #expect(texts.count == 2000 && Set(texts).count == 2000)
                for parity in 0..<2 {
                    let numbers = texts.compactMap(Int.init).filter { $0 % 2 == parity }
                    #expect(numbers == numbers.sorted())
                }
            }
        }
    }

    @Test func `A lost subscriber is subscribed again and keeps its own messages`() async throws {
        try await self.withNodes(2) { server, nodes in
            for round in 1...5 {
                nodes[0].post("a\(round)")
                server.command("CLIENT", "KILL", "TYPE", "pubsub")
                nodes[0].post("b\(round)")
                #expect(
                    await eventually { nodes.allSatisfy { $0.broker.health.interruptions == round && $0.broker.health.isUp } }
                )
            }
            let expected = (1...5).flatMap { ["a\($0)", "b\($0)"] }
            #expect(await eventually { nodes[0].receiver.texts.count >= 10 })
            #expect(await nodes[1].publish("end") == .success(.relayed(receivers: 2)))
            #expect(await eventually { nodes.allSatisfy { $0.receiver.texts.last == "end" } })
            #expect(nodes[0].receiver.texts == expected + ["end"])
            let texts = nodes[1].receiver.texts
            #expect(Set(texts).count == texts.count, "\(texts)")
        }
    }

    @Test func `A frozen Redis is noticed before a lease is over`() async throws {
        try await self.withNodes(2) { server, nodes in
            let clock = ContinuousClock()
            server.freeze()
            let frozen = clock.now
            #expect(await eventually { nodes.allSatisfy { !$0.broker.health.isUp } })
            // Three seconds by the link's deadlines; five are the default lease.
            #expect(clock.now - frozen < .seconds(5))
            #expect(await nodes[0].publish("frozen") == .success(.degraded(here: true)))
            server.thaw()
            #expect(await eventually { nodes.allSatisfy { $0.broker.health.isUp } })
            // Redis may still count a connection that its owner has left.
            #expect(await eventually { await nodes[0].publish("probe") == .success(.relayed(receivers: 2)) })
            #expect(await nodes[0].publish("thawed") == .success(.relayed(receivers: 2)))
            #expect(await eventually { nodes.allSatisfy { $0.receiver.texts.last == "thawed" } })
            #expect(nodes[0].receiver.texts.filter { $0 != "probe" } == ["frozen", "thawed"])
            #expect(nodes[1].receiver.texts.count(where: { $0 == "frozen" }) <= 1)
        }
    }

    @Test func `Published into a freeze is ambiguous and arrives once`() async throws {
        try await self.withNodes(2, commandTimeout: .milliseconds(300)) { server, nodes in
            server.freeze()
            // Written, and never answered: the first outcome is known when the deadline has passed.
            #expect(await nodes[0].publish("one") == .success(.degraded(here: true)))
            #expect(await nodes[0].publish("two") == .success(.degraded(here: true)))
            server.thaw()
            // What Redis still finds in the old connection and what is sent again are the same messages.
            #expect(await eventually { nodes.allSatisfy { $0.broker.health.isUp } })
            #expect(await eventually { await nodes[0].publish("probe") == .success(.relayed(receivers: 2)) })
            #expect(await eventually { nodes[1].receiver.texts.last == "probe" })
            #expect(nodes[0].receiver.texts.filter { $0 != "probe" } == ["one", "two"])
            let sequences = nodes[1].receiver.envelopes.map(\.sequence)
            #expect(Set(sequences).count == sequences.count, "\(sequences)")
            // Redis has executed each once, whichever came first.
            let sendings = server.sendings().filter { $0.sequence <= 2 }
            #expect(sendings.map(\.sequence) == [1, 2], "\(sendings)")
        }
    }

    @Test func `A refused publish degrades and does not spin`() async throws {
        try await self.withNodes(1) { server, nodes in
            server.command("ACL", "SETUSER", "default", "-spublish")
            let clock = ContinuousClock()
            let (begin, before) = (clock.now, Self.dials(server))
            #expect(await nodes[0].publish("refused") == .success(.degraded(here: true)))
            #expect(nodes[0].receiver.texts == ["refused"])
            #expect(await eventually { Self.dials(server) >= before + 6 })
            // Before the sixth attempt there were random pauses of up to 50, 100, 200, 400, 800 and 1,600 ms: together they are shorter
            // than 50 ms once in ten million times.
            #expect(clock.now - begin >= .milliseconds(50))
            #expect(await eventually { !nodes[0].broker.health.isUp })
            server.command("ACL", "SETUSER", "default", "+spublish")
            #expect(await eventually { nodes[0].broker.health.isUp })
            #expect(await nodes[0].publish("taken") == .success(.relayed(receivers: 1)))
            #expect(await eventually { nodes[0].receiver.texts == ["refused", "taken"] })
        }
    }

    /// How often nodes have connected: each names its connections, what this test asks comes without a name.
    private static func dials(_ server: RedisServer) -> Int {
        server.info("commandstats").firstMatch(of: /cmdstat_client\|setname:calls=(\d+)/).flatMap { Int($0.1) } ?? 0
    }

    private static func connectionsReceived(_ server: RedisServer) -> Int {
        let line = server.command("INFO", "stats")?.split(separator: "\r\n").first { $0.hasPrefix("total_connections_received:") }
        return line.flatMap { Int($0.drop { $0 != ":" }.dropFirst()) } ?? 0
    }

    @Test func `What is no envelope is ignored`() async throws {
        try await self.withNodes(1) { server, nodes in
            #expect(server.command("SPUBLISH", "volary:2:h:{default}:t:all", "rubbish") == ":1\r\n")
            #expect(server.command("SPUBLISH", "volary:2:h:{default}:t:all", "") == ":1\r\n")
            #expect(await nodes[0].publish("sense") == .success(.relayed(receivers: 1)))
            #expect(await eventually { nodes[0].receiver.texts == ["sense"] })
            let health = nodes[0].broker.health
            #expect(health == BrokerHealth(state: .up, since: health.since, lag: health.lag))
        }
    }

    @Test func `A wrong password is named and waited for`() async throws {
        let server = try RedisServer.start(arguments: ["--requirepass", "right"])
        defer { server.stop() }
        let wrong = try RedisConfiguration(url: "redis://:wr0ng@127.0.0.1:\(server.port)")
        try await BrokerKind.run([.redis(wrong)]) { nodes in
            #expect(await eventually { "\(nodes[0].broker.health.state)".contains("WRONGPASS") })
            #expect(!"\(nodes[0].broker.health.state)".contains("wr0ng"))
            #expect(await nodes[0].publish("alone") == .success(.degraded(here: false)))
        }
        let right = try RedisConfiguration(url: "redis://:right@127.0.0.1:\(server.port)/3")
        try await BrokerKind.run([.redis(right)]) { nodes in
            try await nodes[0].broker.subscribe(to: .all)
            #expect(await nodes[0].publish("in") == .success(.relayed(receivers: 1)))
        }
    }

    @Test func `Without Redis subscribing waits until it is cancelled`() async throws {
        let nowhere = RedisConfiguration(port: 1)
        try await BrokerKind.run([.redis(nowhere)]) { nodes in
            let broker = nodes[0].broker
            let waiting = Task { () -> BrokerError? in
                do throws(BrokerError) {
                    try await broker.subscribe(to: .all)
                    return nil
                } catch {
                    return error
                }
            }
            // From the moment on at which the broker knows what is wanted, this node's own messages come at once.
            #expect(await eventually { await nodes[0].publish("own") == .success(.degraded(here: true)) })
            #expect(nodes[0].receiver.texts == ["own"])
            #expect(await nodes[0].publish("nor to this", to: .node(NodeID(rawValue: 9))) == .success(.degraded(here: false)))
            waiting.cancel()
            #expect(await waiting.value == .cancelled)
            #expect(await nodes[0].publish("no longer wanted") == .success(.degraded(here: false)))
            #expect(nodes[0].receiver.texts == ["own"])
        }
    }

    @Test func `A graceful shutdown sends what is under way`() async throws {
        try await self.withNodes(1) { server, nodes in
            let leaving = BrokerEndpoint.redis(try RedisConfiguration(url: server.url))
            let outcomes = NIOLockedValueBox<[Result<PublishOutcome, BrokerError>]>([])
            leaving.broker.attach(leaving.receiver)
            let group = ServiceGroup(services: [leaving.broker], logger: .quiet)
            async let ended: Void = group.run()
            try await leaving.broker.subscribe(to: .all)
            #expect(await eventually { leaving.broker.health.isUp })
            server.freeze()
            for number in 0..<100 {
                leaving.broker.publish(.text("\(number)", from: leaving.node), to: .all) { outcome in
                    outcomes.withLockedValue { $0.append(outcome.map(\.withoutPosition)) }
                }
            }
            await group.triggerGracefulShutdown()
            // From now on it takes nothing.
            #expect(await eventually { (try? await leaving.broker.subscribe(to: .all)) == nil })
            server.thaw()
            try await ended
            #expect(outcomes.withLockedValue { $0 } == Array(repeating: .success(.relayed(receivers: 2)), count: 100))
            #expect(await eventually { nodes[0].receiver.texts == (0..<100).map(String.init) })
            #expect(leaving.receiver.texts == (0..<100).map(String.init))
        }
    }

    @Test func `A graceful shutdown does not wait for a dead Redis forever`() async throws {
        let leaving = BrokerEndpoint.redis(RedisConfiguration(port: 1))
        leaving.broker.attach(leaving.receiver)
        let group = ServiceGroup(services: [leaving.broker], logger: .quiet)
        async let ended: Void = group.run()
        #expect(await leaving.publish("lost") == .success(.degraded(here: false)))
        let clock = ContinuousClock()
        let begin = clock.now
        await group.triggerGracefulShutdown()
        try await ended
        // Two seconds for the outbox, and whatever a busy machine adds.
        #expect((.milliseconds(1900)...(.seconds(15))).contains(clock.now - begin))
        #expect(leaving.broker.health.expired == 1, "what is not sent is counted, and logged")
    }

    @Test func `A full outbox refuses and delivers nothing`() async throws {
        let nowhere = RedisConfiguration(port: 1)
        try await BrokerKind.run([.redis(nowhere)]) { nodes in
            let broker = nodes[0].broker
            async let subscription: Void? = try? broker.subscribe(to: .all)
            let large = String(repeating: "x", count: 5_000_000)
            // The wish is known before the messages are.
            let isHere = await eventually {
                await nodes[0].publish("w") == .success(.degraded(here: true)) && !nodes[0].receiver.texts.isEmpty
            }
            #expect(isHere)
            var outcomes: [Result<PublishOutcome, BrokerError>] = []
            for _ in 0..<4 { outcomes.append(await nodes[0].publish(large)) }
            #expect(outcomes == Array(repeating: .success(.degraded(here: true)), count: 3) + [.failure(.outboxFull)])
            #expect(nodes[0].receiver.texts.filter { $0 == large }.count == 3)
            await broker.unsubscribe(from: .all)
            _ = await subscription
        }
    }
}
