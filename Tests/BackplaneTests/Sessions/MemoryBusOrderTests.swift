import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Brokers and sessions of one memory bus share the order of each hub.
@Suite(.timeLimit(.minutes(5)))
struct MemoryBusOrderTests {
    private static let hub = HubName("chat")!
    private static let connection = ConnectionID("0000000000000000000000ff00000001")!

    /// A bus with two nodes; the second follows a session with a link.
    private final class World: @unchecked Sendable {
        // Unchecked: a test uses it in one task at a time.
        let bus = MemoryBus()
        let brokers: [BrokerEndpoint]
        let link: MemoryHubLink
        private var sequence: UInt64 = 0
        private var last: Position?

        init() {
            let group = MultiThreadedEventLoopGroup.singleton
            self.brokers = [.memory(self.bus, on: group.next()), .memory(self.bus, on: group.next())]
            for endpoint in self.brokers { endpoint.broker.attach(endpoint.receiver) }
            self.link = self.bus.sessions.openLink(to: MemoryBusOrderTests.hub, for: self.brokers[1].node)
            self.link.subscribe(to: [.all, .group(AudienceName("g"))])
            _ = self.link.receive(upTo: 10)
        }

        func execute(_ operation: SessionOperation) async throws -> OperationAnswer {
            self.sequence += 1
            let sequence = OperationSequence(number: self.sequence, previous: self.sequence - 1)
            let caller = SessionCaller(hub: MemoryBusOrderTests.hub, node: self.brokers[1].node, seen: nil)
            return try await self.bus.sessions.execute(operation, as: sequence, from: caller).answer
        }

        func attach() async throws -> SessionWriter {
            let attachment = SessionAttachment(
                connection: MemoryBusOrderTests.connection,
                protocol: "test",
                tokenHash: [],
                window: .seconds(60)
            )
            guard case .attached(let fence) = try await self.execute(.attach(attachment)) else { throw ContractError() }
            return SessionWriter(connection: attachment.connection, fence: fence)
        }

        /// - Returns: the number of receivers; nil if it was not relayed.
        func publish(_ text: String, to audience: Audience) async throws -> Int? {
            let message = MemoryBusOrderTests.publication(text, to: audience)
            let outcome = try await withCheckedContinuation { continuation in
                self.brokers[0].broker.publish(.publication(message), to: message.topic) { continuation.resume(returning: $0) }
            }.get()
            guard case .relayed(let receivers, let position) = outcome else { return nil }
            if let position {
                #expect(self.last.map { $0 < position } ?? true, "numbers never fall")
                self.last = position
            }
            return receivers
        }

        var linkTexts: [String] { self.link.receive(upTo: .max).compactMap(\.text) }
    }

    private static func publication(_ text: String, to audience: Audience) -> Publication {
        Publication(
            id: .random(on: .random()),
            kind: .serverBroadcast,
            hub: Self.hub,
            audience: audience,
            timestamp: 0,
            payload: .init(string: text)
        )
    }

    @Test func `What a broker publishes in a hub with sessions gets a number, and reaches links`() async throws {
        let world = World()
        #expect(try await world.publish("before", to: .all) == 0)
        _ = try await world.attach()
        try await world.brokers[0].broker.subscribe(to: .all(Self.hub))
        #expect(try await world.publish("1", to: .all) == 2)
        #expect(try await world.publish("2", to: .group(AudienceName("g"))) == 1)
        #expect(try await world.publish("not heard", to: .group(AudienceName("h"))) == 0)
        #expect(world.linkTexts == ["1", "2"])
        #expect(await eventually { world.brokers[0].receiver.texts == ["1"] })
    }

    @Test func `A hub without sessions has no log`() async throws {
        let world = World()
        let writer = try await world.attach()
        _ = try await world.publish("1", to: .all)
        let caller = SessionCaller(hub: Self.hub, node: world.brokers[1].node, seen: nil)
        let session = OwnedSession(connection: writer.connection, fence: writer.fence)
        #expect(try await world.bus.sessions.remove(session, reason: "", from: caller).answer == .done)
        _ = try await world.publish("2", to: .all)
        #expect(world.linkTexts == ["1"])
        let entries = world.bus.sessions.state.withLockedValue { $0.hubs[Self.hub]?.topics[.all]?.entries.map(\.text) }
        #expect(entries == ["1"])
    }

    @Test func `What a session publishes reaches the subscribed brokers, and not when it is refused`() async throws {
        let world = World()
        try await world.brokers[0].broker.subscribe(to: .group(Self.hub, AudienceName("g")))
        let writer = try await world.attach()
        func publish(_ text: String, _ writer: SessionWriter) async throws -> OperationAnswer {
            let publication = Self.publication(text, to: .group(AudienceName("g")))
            return try await world.execute(.publish(HubPublication(publication), from: writer))
        }
        let numbered = SessionWriter(connection: writer.connection, fence: writer.fence, ackID: .number(1))
        #expect(try await publish("1", numbered) == .executed)
        #expect(try await publish("again", numbered) == .duplicate)
        let former = SessionWriter(connection: writer.connection, fence: Fence(Position(epoch: 1, number: 1)))
        #expect(try await publish("fenced", former) == .refused(.fenced))
        #expect(try await publish("2", writer) == .executed)
        #expect(world.linkTexts == ["1", "2"])
        #expect(await eventually { world.brokers[0].receiver.texts == ["1", "2"] })
    }

    @Test func `What is for the connection of a session reaches its link, and not the broker of the node that its id names`()
        async throws
    {
        let world = World()
        _ = try await world.attach()
        world.link.subscribe(to: [.connection(Self.connection)])
        try await world.brokers[0].broker.subscribe(to: .node(Self.connection.node))
        try await world.brokers[0].broker.subscribe(to: .group(Self.hub, AudienceName("g")))
        func publish(_ text: String, to audience: Audience) async throws -> OperationAnswer {
            try await world.execute(.publish(HubPublication(Self.publication(text, to: audience)), from: nil))
        }
        #expect(try await publish("for the session", to: .connection(Self.connection)) == .executed)
        #expect(try await publish("for all members", to: .group(AudienceName("g"))) == .executed)
        #expect(world.linkTexts == ["for the session", "for all members"])
        #expect(await eventually { world.brokers[0].receiver.texts == ["for all members"] })
    }

    @Test func `Brokers and links have one order, whoever publishes`() async throws {
        let world = World()
        try await world.brokers[0].broker.subscribe(to: .all(Self.hub))
        let (bus, broker, node) = (world.bus, world.brokers[0].broker, world.brokers[1].node)
        let writer = try await world.attach()
        await withTaskGroup(of: Void.self) { tasks in
            for task in 0..<4 {
                tasks.addTask {
                    for number in 0..<200 {
                        let message = Self.publication("\(task).\(number)", to: .all)
                        broker.publish(.publication(message), to: message.topic, completion: nil)
                    }
                }
            }
            tasks.addTask {
                let caller = SessionCaller(hub: Self.hub, node: node, seen: nil)
                for number in 0..<200 {
                    let publication = HubPublication(Self.publication("session.\(number)", to: .all))
                    let sequence = OperationSequence(number: UInt64(number + 2), previous: UInt64(number + 1))
                    _ = try? await bus.sessions.execute(.publish(publication, from: writer), as: sequence, from: caller)
                }
            }
        }
        let texts = world.linkTexts
        #expect(texts.count == 1000)
        #expect(await eventually { world.brokers[0].receiver.texts == texts })
    }
}
