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

    /// A copy of the store is restored that is older than the epoch in which the node began, and so than all that it had published. A
    /// session of another node, which was cut off all the time, goes on, and is owed it.
    @Test func `A copy that is older than a node gets what the node had published, for sessions that were cut off`() async throws
    {
        var cutOff = ContractNode(
            7,
            SessionEndpoint(store: self.store, openLink: { _ in throw ContractError() }, advance: { _ in })
        )
        let session = try await cutOff.attach(.random(on: cutOff.id), groups: [self.group])
        self.store.stallReplica()
        self.store.restart()
        for text in ["1", "2"] { #expect(await self.publish(text) == .executed) }
        self.store.promoteReplica()
        #expect(await self.publish("3") == .executed)
        // Refused until its owner vouches for it, which sees nothing of its own missing.
        let observed = try await self.store.vouch(
            for: [session],
            in: try #require(self.store.position(of: .default)).epoch,
            from: cutOff.caller
        )
        let loss = try #require(observed.loss)
        #expect(observed.answer == [.done] && session.fence.position.number <= loss.above && !loss.isTotal)
        guard case .page(let page, _) = try await cutOff.read(session, after: session.fence.position.number, groups: [self.group])
        else { throw ContractError() }
        #expect(page.entries.compactMap(\.text) == ["1", "2", "3"])
        #expect(self.publisher.lostOperations == 0)
    }

    @Test func `What a node published and no longer keeps is counted, if sessions are left that miss it`() async throws {
        let client = try await self.node.attach([self.group])
        self.store.stallReplica()
        // A little more than a sixteenth of what is kept, in each.
        let text = String(repeating: "x", count: SessionLimits.journalBytes / 16)
        for _ in 0..<20 { #expect(await self.publish(text) == .executed) }
        self.store.promoteReplica()
        #expect(await self.publish("last") == .executed)
        #expect(await eventually { self.publisher.lostOperations > 0 })
        #expect(self.publisher.lostOperations == 5)
        #expect(await eventually { !client.endings.isEmpty })
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
