import NIOCore
import NIOPosix
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Every script of sessions keeps to the slot of its hub, see ``ClusterSlotTests``.
@Suite(.timeLimit(.minutes(2)))
struct SessionSlotTests {
    static let scripts = RedisScript.sessions

    private let connection = ConnectionID("0000000000000000000000ff00000001")!
    private let long = AudienceName(String(repeating: "{n}", count: 300))!

    @Test func `Sessions keep to the slot of their hub`() async throws {
        try await ClusterSlotTests.withCluster(executing: Self.scripts) { _, configuration in
            let resolver = MasterResolver(
                configuration: configuration,
                eventLoop: MultiThreadedEventLoopGroup.singleton.any(),
                logger: .quiet
            )
            let store = RedisSessionStore(resolver: resolver, logger: .quiet)
            store.start()
            defer { store.stop() }
            #expect(await eventually { (try? await store.expired(in: .default, limit: 1)) != nil })
            let endpoint = SessionEndpoint(store: store, openLink: { _ in throw ContractError() }, advance: { _ in })
            var (node, other) = (ContractNode(1, endpoint), ContractNode(2, endpoint))
            let link = store.openLink(to: .default, for: node.id)
            defer { link.close() }
            link.subscribe(to: [.all, .group(long), .user("ann")])
            #expect(await eventually { await link.synchronize() })

            let session = try await node.attach(connection, groups: [long, "a"])
            for topic: Audience in [.all, .group(long), .user("ann"), .connection(connection)] {
                #expect(try await other.publish("x", to: topic).answer == .executed)
            }
            let writer = SessionWriter(connection: connection, fence: session.fence, ackID: .number(1))
            #expect(try await node.publish("x", to: .all, as: writer).answer == .executed)
            for change: ControlEntry in [.left(long), .joined(long), .permissions(["p"]), .state(ByteBuffer(string: "s"))] {
                #expect(try await other.execute(.change(SessionChange(change, of: connection))).answer == .executed)
            }
            guard
                case .page(let page, _) = try await node.read(session, after: session.fence.position.number, groups: [long, "a"])
            else { throw ContractError() }
            #expect(page.entries.count == 8)
            let acknowledgement = SessionAcknowledgement(session: session, checkpoint: .init(number: page.through, delivered: 4))
            #expect(try await store.acknowledge([acknowledgement], from: node.caller).answer == [.done])
            #expect(
                try await store.lastNumbers(of: [.all, .connection(connection)], from: node.caller).answer.byTopic.count == 2
            )
            _ = try await store.mark(from: node.caller)
            let epoch = session.fence.position.epoch
            #expect(try await store.vouch(for: [session], in: epoch, from: node.caller).answer == [.done])
            guard case .claimed(let record) = try await other.claim(connection) else { throw ContractError() }
            let claimed = OwnedSession(connection: connection, fence: record.fence)
            #expect(try await store.detach(claimed, from: other.caller).answer == .done)
            #expect(try await store.expire(connection, from: node.caller).answer == .refused(.fenced))
            guard case .claimed(let again) = try await node.claim(connection) else { throw ContractError() }
            let owned = OwnedSession(connection: connection, fence: again.fence)
            #expect(try await store.take(owned, from: other.caller).answer == .done)
            #expect(try await store.records(in: .default, after: nil, limit: 5).count == 1)
            #expect(try await store.sessions(of: node.id, in: .default, limit: 5).isEmpty)
            #expect(try await other.execute(.close(connection, reason: "why")).answer == .executed)
            let last = try await node.attach(connection)
            #expect(try await store.remove(last, reason: "why", from: node.caller).answer == .done)
            #expect(try await store.ended(in: .default, limit: 5).count == 1)
            try await store.confirmEnded([connection], in: .default)
            #expect(await link.synchronize() && !link.receive(upTo: 100).contains(.lost))
        }
    }
}
