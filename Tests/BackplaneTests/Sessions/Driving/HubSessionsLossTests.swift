import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// What a node publishes again when the store has lost what it had confirmed.
@Suite(.timeLimit(.minutes(5)))
struct HubSessionsLossTests {
    private let group = AudienceName("g")
    private let store: MemorySessionStore
    private let node: DrivenNode
    /// It has no session, so that it does not hear of a loss before it publishes.
    private let publisher: DrivenNode

    init() {
        self.store = MemorySessionStore()
        (self.node, self.publisher) = (DrivenNode(self.store), DrivenNode(self.store))
    }

    private func publish(_ text: String) async -> OperationAnswer? {
        await self.publisher.sessions.execute(.publish(.test(text, to: .group(self.group)), from: nil), timeout: .seconds(30))
    }

    @Test func `After the loss of everything nothing that is past comes to new connections`() async throws {
        let client = try await self.node.attach([self.group])
        for text in ["1", "2"] { #expect(await self.publish(text) == .executed) }
        #expect(await eventually { client.texts == ["1:1", "2:2"] })
        self.store.restartEmpty()
        #expect(await eventually { client.endings == [.unrecoverable] })
        let next = try await self.node.attach([self.group])
        #expect(await self.publish("3") == .executed)
        #expect(await eventually { !next.texts.isEmpty })
        #expect(next.texts == ["1:3"])
    }

    /// Sessions of other nodes may go on, and are owed it.
    @Test(arguments: [true, false])
    func `A promoted replica gets what a node had published, whether or not it knows the node`(knowsNode: Bool) async throws {
        let client = try await self.node.attach([self.group])
        if knowsNode { #expect(await self.publish("0") == .executed) }
        self.store.stallReplica()
        #expect(await self.publish("1") == .executed)
        #expect(await eventually { client.texts.last?.hasSuffix(":1") == true })
        self.store.promoteReplica()
        #expect(await eventually { client.endings == [.unrecoverable] })
        let next = try await self.node.attach([self.group])
        #expect(await self.publish("2") == .executed)
        #expect(await eventually { next.texts.count >= 2 })
        #expect(next.texts == ["1:1", "2:2"])
    }
}
