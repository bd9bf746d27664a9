import NIOConcurrencyHelpers
import NIOPosix
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// A node's link to a hub in Redis.
@Suite(.timeLimit(.minutes(2)))
struct RedisHubLinkTests {
    private let group = AudienceName("g")

    private func withStore(_ body: (RedisWorldStore, ContractNode) async throws -> Void) async throws {
        let store = try await RedisWorldStore(time: 1_800_000_000_000, limits: SessionLimits())
        let endpoint = SessionEndpoint(store: store.sessions, openLink: { await store.openLink(for: $0) }, advance: { _ in })
        do {
            try await body(store, ContractNode(1, endpoint))
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }

    @Test func `A lost connection is told once, with all subscriptions gone, and can be subscribed to again`() async throws {
        try await self.withStore { store, node in
            var node = node
            let link = await store.openLink(for: node.id)
            link.subscribe(to: [.all, .group(group)])
            await link.settle()
            #expect(link.receive(upTo: 10) == [.subscribed([.all, .group(group)])])
            _ = try await node.publish("before", to: .all)
            await link.settle()
            store.server.command("CLIENT", "KILL", "TYPE", "pubsub")
            #expect(
                await eventually {
                    await link.settle()
                    return link.hasEvents && link.receive(upTo: 10) == [.lost]
                }
            )
            _ = try await node.publish("missed", to: .all)
            link.subscribe(to: [.all])
            await link.settle()
            _ = try await node.publish("after", to: .all)
            await link.settle()
            let events = link.receive(upTo: 10)
            #expect(events.first == .subscribed([.all]) && events.dropFirst().map(\.text) == ["after"])
        }
    }

    @Test func `What is asked for while there is no connection is subscribed to when it stands`() async throws {
        try await self.withStore { store, node in
            var node = node
            let link = store.store.openLink(to: .default, for: node.id)
            link.subscribe(to: [.group(group), .all])
            link.subscribe(to: [.user("u")])
            link.unsubscribe(from: [.all])
            #expect(await eventually { await link.synchronize() })
            for topic: Audience in [.all, .user("u"), .group(group)] { _ = try await node.publish("\(topic)", to: topic) }
            #expect(await link.synchronize())
            let events = link.receive(upTo: 10)
            #expect(events.filter { $0.text != nil }.count == 2)
            link.close()
        }
    }

    @Test func `Each subscription is confirmed, also one that was withdrawn before there was a connection`() async throws {
        try await self.withStore { store, node in
            let link = store.store.openLink(to: .default, for: node.id)
            link.subscribe(to: [.group(group), .all])
            link.unsubscribe(from: [.group(group)])
            link.subscribe(to: [.group(group)])
            #expect(await eventually { await link.synchronize() })
            let confirmed: [Audience] = link.receive(upTo: 10).flatMap { event -> [Audience] in
                if case .subscribed(let topics) = event { topics } else { [] }
            }
            #expect(confirmed.count(where: { $0 == .group(group) }) == 2)
            #expect(confirmed.count(where: { $0 == .all }) == 1)
            link.close()
        }
    }

    @Test(arguments: ["x", "Vnot an envelope"])
    func `A message without a position, or that cannot be read, is a loss`(message: String) async throws {
        try await self.withStore { store, node in
            let link = await store.openLink(for: node.id)
            link.subscribe(to: [.all])
            await link.settle()
            for channel in ["t:all", "n:\(node.id):t"] {
                _ = link.receive(upTo: 10)
                store.server.command("SPUBLISH", "volary:2:h:{default}:\(channel)", message)
                #expect(
                    await eventually {
                        await link.settle()
                        return link.hasEvents && link.receive(upTo: 10).contains(.lost)
                    }
                )
                link.subscribe(to: [.all])
                await link.settle()
            }
        }
    }

    @Test func `What a plain node publishes reaches sessions, and commands of nodes want a receipt`() throws {
        let publication = HubPublication.test("plain", to: .all).publication
        let envelope = Envelope(origin: NodeID(rawValue: 1), sequence: 1, message: .publication(publication))
        #expect(HubFrame.content(envelope: envelope.encoded()) == .publication(HubPublication(publication)))
        let command = AudienceCommand(
            id: .random(on: NodeID(rawValue: 1)),
            hub: .default,
            audience: .all,
            timestamp: 0,
            action: .leaveAll
        )
        let other = Envelope(origin: NodeID(rawValue: 1), sequence: 2, message: .audience(command))
        #expect(HubFrame.content(envelope: other.encoded()) == .command(command.id))
    }

    @Test func `A store without connection says so`() async throws {
        let resolver = MasterResolver(
            configuration: RedisConfiguration(),
            eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
            logger: .quiet
        )
        let store = RedisSessionStore(resolver: resolver, logger: .quiet)
        await #expect(throws: SessionStoreError.self) { try await store.expired(in: .default, limit: 1) }
    }
}
