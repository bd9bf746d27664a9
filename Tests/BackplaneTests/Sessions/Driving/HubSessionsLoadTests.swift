import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Many sessions of a node in one hub at the same time, whose operations leave together.
@Suite(.timeLimit(.minutes(5)))
struct HubSessionsLoadTests {
    private static let count = 100
    private let group = AudienceName("g")

    @Test func `Many clients come, speak and go at once, although answers are lost`() async throws {
        let store = MemorySessionStore()
        let node = DrivenNode(store)
        let clients = try await withThrowingTaskGroup(of: DrivenClient.self) { tasks in
            for _ in 0..<Self.count { tasks.addTask { try await node.attach([self.group]) } }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
        store.loseNextAnswers(2)
        let failures = try await withThrowingTaskGroup(of: ActionFailure?.self) { tasks in
            for (number, client) in clients.enumerated() {
                let publish = SessionRequest.Action.publish(.test("\(number)", to: .group(self.group)))
                tasks.addTask { try await node.request(publish, of: client) }
            }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
        #expect(failures.allSatisfy { $0 == nil })
        #expect(await eventually { clients.allSatisfy { $0.count == Self.count } })
        let texts = clients[0].texts
        #expect(clients.allSatisfy { $0.texts == texts })
        let parts = texts.map { $0.split(separator: ":") }
        #expect(parts.map { Int($0[0]) } == Array(1...Self.count))
        #expect(Set(parts.map { $0[1] }).count == Self.count)
        store.loseNextAnswers(2)
        for client in clients { node.lose(client, .removes(reason: "")) }
        #expect(await eventually { await node.sessions.isIdle() })
        #expect(try await store.records(in: .default, after: nil, limit: 1).isEmpty)
    }
}
