import DequeModule
import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// Calls with several operations or sessions, on every store.
struct SessionBatchContractTests {
    private let ids = (0..<4).map { _ in ConnectionID.random(on: NodeID(rawValue: 1), shard: 0) }
    private let group = AudienceName("g")
    /// Its key in Redis is a hash.
    private let long = AudienceName(String(repeating: "n", count: 200))!

    private func attachment(_ index: Int) -> SessionAttachment {
        SessionAttachment(
            connection: self.ids[index],
            user: index == 1 ? AudienceName("u") : nil,
            protocol: "test",
            tokenHash: [1, 2, 3],
            window: .seconds(60),
            groups: index == 2 ? [self.group, self.long] : [],
            permissions: index == 0 ? ["p"] : [],
            state: ByteBuffer(string: index == 2 ? "state" : "")
        )
    }

    private func operations(_ operations: [SessionOperation], from first: UInt64) -> [SequencedOperation] {
        zip(operations, first...).map { SequencedOperation($0, as: OperationSequence(number: $1, previous: $1 - 1)) }
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `Operations of one call are executed in order, each once`(kind: SessionStoreKind) async throws {
        try await kind.withStore { endpoint in
            let caller = ContractNode(1, endpoint).caller
            let all = self.operations(
                [
                    .attach(self.attachment(0)), .attach(self.attachment(1)), .attach(self.attachment(0)),
                    .attach(self.attachment(2)), .publish(.test("1", to: .group(self.group)), from: nil),
                    .publish(.test("2", to: .connection(self.ids[3])), from: nil), .attach(self.attachment(3)),
                ],
                from: 1
            )
            let answers = try await endpoint.store.execute(all, from: caller).map(\.answer)
            let fences = answers.map { answer in if case .attached(let fence) = answer { fence } else { Fence?.none } }
            let attached = fences.map { $0.map { OperationAnswer.attached($0) } ?? .refused(.exists) }
            #expect(
                answers == [
                    attached[0], attached[1], .refused(.exists), attached[3], .executed, .refused(.noReceiver), attached[6],
                ]
            )
            let numbers = fences.compactMap { $0?.position.number }
            #expect(numbers.count == 4 && numbers == numbers.sorted() && Set(numbers).count == 4)
            // Repeated in other parts, as after a lost answer; the last ones are new.
            let more = self.operations([.publish(.test("3", to: .all), from: nil)], from: 8)
            let again = try await endpoint.store.execute(Array(all[2...]) + more, from: caller).map(\.answer)
            #expect(again == [answers[2], answers[3], .alreadyExecuted, answers[5], answers[6], .executed])
            let records = try await endpoint.store.records(in: .default, after: nil, limit: 10)
            let byID = Dictionary(uniqueKeysWithValues: records.map { ($0.id, $0) })
            #expect(byID.count == 4 && self.ids.map { byID[$0]?.fence } == [fences[0], fences[1], fences[3], fences[6]])
            for (index, id) in self.ids.enumerated() {
                let (record, attachment) = (byID[id], self.attachment(index))
                #expect(record?.user == attachment.user && record?.permissions == attachment.permissions)
                #expect(record?.state == attachment.state && record?.memberships.current == attachment.groups)
                #expect(record?.checkpoint.number == record?.fence.position.number)
            }
        }
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `What follows a gap is not executed`(kind: SessionStoreKind) async throws {
        try await kind.withStore { endpoint in
            let caller = ContractNode(1, endpoint).caller
            let all = self.operations((0..<4).map { .attach(self.attachment($0)) }, from: 1)
            #expect(try await endpoint.store.execute([all[0]], from: caller).count == 1)
            let late = try await endpoint.store.execute(Array(all[2...]), from: caller).map(\.answer)
            #expect(late == [.gap(after: 1), .gap(after: 1)])
            #expect(try await endpoint.store.records(in: .default, after: nil, limit: 10).count == 1)
            // The node gave the second one up.
            let skipping = [SequencedOperation(all[2].operation, as: OperationSequence(number: 3, previous: 1)), all[3]]
            let answers = try await endpoint.store.execute(skipping, from: caller).map(\.answer)
            #expect(answers.allSatisfy { $0.isAttached })
            #expect(try await endpoint.store.execute([all[1]], from: caller).map(\.answer) == [.refused(.gone)])
        }
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `Sessions are removed together, each by its owner only`(kind: SessionStoreKind) async throws {
        try await kind.withStore { endpoint in
            var node = ContractNode(1, endpoint)
            var sessions: [OwnedSession] = []
            for id in self.ids[..<3] { sessions.append(try await node.attach(id, groups: [self.group])) }
            let other = ContractNode(2, endpoint)
            guard case .claimed = try await other.claim(self.ids[1]) else { throw ContractError() }
            let unknown = OwnedSession(connection: self.ids[3], fence: sessions[0].fence)
            let removals = (sessions + [unknown]).map { SessionRemoval($0, reason: "r") }
            let answers = try await endpoint.store.remove(removals, from: node.caller).answer
            #expect(answers == [.done, .refused(.fenced), .done, .refused(.gone)])
            #expect(try await endpoint.store.records(in: .default, after: nil, limit: 10).map(\.id) == [self.ids[1]])
            let ended = try await endpoint.store.ended(in: .default, limit: 10)
            #expect(Set(ended.map(\.connection)) == [self.ids[0], self.ids[2]] && ended.allSatisfy { $0.reason == "r" })
            #expect(try await endpoint.store.remove(removals, from: node.caller).answer.contains(.done) == false)
        }
    }

    @Test func `The answers before one that is lost arrive, and nothing is executed twice`() async throws {
        let store = MemorySessionStore()
        let caller = SessionCaller(hub: .default, node: NodeID(rawValue: 1), seen: nil)
        let all = self.operations((1...5).map { .publish(.test("\($0)", to: .all), from: nil) }, from: 1)
        store.loseNextAnswers(after: 2)
        #expect(try await store.execute(all, from: caller).map(\.answer) == [.executed, .executed])
        let rest = try await store.execute(Array(all[2...]), from: caller).map(\.answer)
        #expect(rest == [.alreadyExecuted, .executed, .executed])
        store.loseNextAnswers()
        await #expect(throws: SessionStoreError.self) { try await store.execute(all, from: caller) }
    }

    @Test func `In Redis the operations before one that fails are answered, and those behind it wait`() async throws {
        let world = try await RedisWorldStore(time: 1_800_000_000_000, limits: SessionLimits())
        do {
            let caller = SessionCaller(hub: .default, node: NodeID(rawValue: 1), seen: nil)
            let attach = self.operations([.attach(self.attachment(0))], from: 1)
            #expect(try await world.store.execute(attach, from: caller)[0].answer.isAttached)
            // A key that no node writes: the log of the session's own topic.
            let own = "volary:2:h:{default}:session:\(self.ids[0]):own"
            world.server.command("SET", own, "x")
            let all = self.operations(
                [Audience.all, .connection(self.ids[0]), .all].map { .publish(.test("", to: $0), from: nil) },
                from: 2
            )
            #expect(try await world.store.execute(all, from: caller).map(\.answer) == [.executed])
            world.server.command("DEL", own)
            let again = try await world.store.execute(all, from: caller).map(\.answer)
            #expect(again == [.alreadyExecuted, .executed, .executed])
        } catch {
            await Self.close(world)
            throw error
        }
        await Self.close(world)
    }

    private static func close(_ world: any WorldStore) async { await world.close() }

    @Test func `One call takes some operations, or one that is large`() {
        func count(_ sizes: [Int]) -> Int {
            let texts = sizes.map { String(repeating: "x", count: $0) }
            return Deque(self.operations(texts.map { .publish(.test($0, to: .all), from: nil) }, from: 1)).forOneCall.count
        }
        #expect(count([]) == 0 && count([1, 1]) == 2)
        #expect(count(Array(repeating: 1, count: 100)) == SessionLimits.operationsPerCall)
        #expect(count([5_000_000, 1]) == 1 && count([1, 5_000_000, 1]) == 1)
        #expect(count(Array(repeating: 300_000, count: 5)) == 3)
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `Topics keep what a session needs as long as its owner says so, although nothing moves`(
        kind: SessionStoreKind
    ) async throws {
        var limits = SessionLimits()
        limits.topicMessages = 4
        try await kind.withStore(limits: limits) { endpoint in
            var (node, other) = (ContractNode(1, endpoint), ContractNode(2, endpoint))
            let session = try await node.attach(self.ids[0], groups: [self.group])
            let start = session.fence.position.number
            let acknowledgement = SessionAcknowledgement(session: session, checkpoint: Checkpoint(number: start, delivered: 0))
            // Twice the log's age.
            for _ in 0..<8 {
                try await endpoint.advance(75_000)
                #expect(try await endpoint.store.acknowledge([acknowledgement], from: node.caller).answer == [.done])
            }
            for number in 1...20 {
                _ = try await other.publish("other", to: .group("other"))
                _ = try await other.publish("\(number)", to: .group(self.group))
            }
            guard case .claimed(let record) = try await other.claim(self.ids[0]) else { throw ContractError() }
            #expect(record.checkpoint == acknowledgement.checkpoint)
            let claimed = OwnedSession(connection: self.ids[0], fence: record.fence)
            guard case .page(let page, _) = try await other.read(claimed, after: start, groups: [self.group]) else {
                throw ContractError()
            }
            #expect(page.entries.compactMap(\.text) == (1...20).map { "\($0)" })
        }
    }
}

extension OperationAnswer {
    fileprivate var isAttached: Bool { if case .attached = self { true } else { false } }
}
