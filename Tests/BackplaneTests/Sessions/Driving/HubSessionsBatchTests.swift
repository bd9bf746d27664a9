import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// What becomes of operations that leave in one call when not all goes well.
@Suite(.timeLimit(.minutes(5)))
struct HubSessionsBatchTests {
    /// More than two calls.
    private static let count = 150
    private let group = AudienceName("g")
    private let store: MemorySessionStore
    private let node: DrivenNode
    /// It has no session, so that it does not hear of an epoch before it publishes.
    private let publisher: DrivenNode

    init() {
        self.store = MemorySessionStore()
        (self.node, self.publisher) = (DrivenNode(self.store), DrivenNode(self.store))
    }

    /// All at once.
    private func publish(_ texts: [String]) async {
        await withTaskGroup(of: OperationAnswer?.self) { tasks in
            for text in texts {
                let operation = SessionOperation.publish(.test(text, to: .group(self.group)), from: nil)
                tasks.addTask { await self.publisher.sessions.execute(operation, timeout: .seconds(60)) }
            }
            for await answer in tasks { #expect(answer == .executed || answer == .alreadyExecuted) }
        }
    }

    private func texts(of prefix: String) -> [String] { (0..<Self.count).map { "\(prefix)\($0)" } }

    /// What a client got, if its numbers are dense.
    private func received(_ client: DrivenClient) -> [String] {
        let parts = client.texts.map { $0.split(separator: ":") }
        #expect(parts.map { Int($0[0]) } == (0..<parts.count).map { $0 + 1 })
        return parts.map { String($0[1]) }
    }

    @Test(arguments: [0, 1, 40, 63, 64, 100])
    func `An answer that is lost among many makes nothing come twice or not at all`(place: Int) async throws {
        let client = try await self.node.attach([self.group])
        self.store.loseNextAnswers(3, after: place)
        await self.publish(self.texts(of: "a"))
        #expect(await eventually { client.count >= Self.count })
        #expect(Set(self.received(client)) == Set(self.texts(of: "a")) && client.count == Self.count)
    }

    @Test(arguments: [0, 30, 100])
    func `An epoch that begins among many operations makes nothing come twice or not at all`(place: Int) async throws {
        let client = try await self.node.attach([self.group])
        await self.publish(["first"])
        // The operations behind the lost answer are sent after the restart.
        self.store.loseNextAnswers(after: place)
        async let published: Void = self.publish(self.texts(of: "a"))
        #expect(await eventually { client.count > place })
        self.store.restart()
        await published
        #expect(await eventually { client.count >= Self.count + 1 })
        #expect(client.endings.isEmpty && client.count == Self.count + 1)
        #expect(Set(self.received(client)) == Set(self.texts(of: "a") + ["first"]))
    }

    @Test func `Many operations behind a loss wait for those that are sent again`() async throws {
        await self.publish(["first"])
        self.store.stallReplica()
        await self.publish(self.texts(of: "a"))
        self.store.promoteReplica()
        let client = try await self.node.attach([self.group])
        await self.publish(self.texts(of: "b"))
        #expect(await eventually { client.count >= 2 * Self.count })
        let received = self.received(client)
        #expect(received.count == 2 * Self.count && Set(received) == Set(self.texts(of: "a") + self.texts(of: "b")))
        #expect(received.prefix(Self.count).allSatisfy { $0.hasPrefix("a") })
        #expect(self.publisher.lostOperations == 0)
    }

    @Test func `Sessions that end while removals are under way are removed, too`() async throws {
        let clients = try await withThrowingTaskGroup(of: DrivenClient.self) { tasks in
            for _ in 0..<Self.count { tasks.addTask { try await self.node.attach() } }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
        self.store.setAway(true)
        self.node.lose(clients[0], .removes(reason: ""))
        for client in clients[1...] { self.node.lose(client, .removes(reason: "")) }
        #expect(await self.node.sessions.isIdle() == false)
        self.store.setAway(false)
        #expect(await eventually { await self.node.sessions.isIdle() })
        #expect(try await self.store.records(in: .default, after: nil, limit: 1).isEmpty)
        // Their places and topics are free.
        let client = try await self.node.attach([self.group])
        await self.publish(["x"])
        #expect(await eventually { client.texts == ["1:x"] })
    }
}
