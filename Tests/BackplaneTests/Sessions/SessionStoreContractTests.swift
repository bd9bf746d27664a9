import Testing
import VolaryBackplane
import VolaryProtocol

/// What every ``SessionStore`` does.
struct SessionStoreContractTests {
    private let group = AudienceName("g")
    private let connection = ConnectionID("0000000000000000000000ff00000001")!

    @Test(arguments: SessionStoreKind.allCases)
    func `Numbers rise with each publication and link the entries of a topic`(kind: SessionStoreKind) async throws {
        try await kind.withStore { endpoint in
            var node = ContractNode(1, endpoint)
            let session = try await node.attach(connection, groups: [group])
            let start = session.fence.position.number
            let first = try await node.publish("1", to: .all)
            let second = try await node.publish("2", to: .group(group))
            let third = try await node.publish("3", to: .all)
            #expect(first.position < second.position && second.position < third.position)
            guard case .page(let page, _) = try await node.read(session, after: start, groups: [group]) else {
                throw ContractError()
            }
            #expect(page.entries.map(\.text) == ["1", "2", "3"])
            #expect(page.entries.map(\.number) == [first, second, third].map(\.position.number))
            #expect(page.entries.map(\.previous) == [0, 0, first.position.number])
            #expect(page.isLast && page.through == third.position.number)
        }
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `A link hears its topics in order, and the owner its session's own`(kind: SessionStoreKind) async throws {
        try await kind.withStore { endpoint in
            var node = ContractNode(1, endpoint)
            var other = ContractNode(2, endpoint)
            let link = await endpoint.openLink(node.id)
            link.subscribe(to: [.all, .group(group)])
            await link.settle()
            _ = try await node.attach(connection, groups: [group])
            _ = try await other.publish("1", to: .group(group))
            _ = try await other.publish("2", to: .connection(connection))
            _ = try await other.publish("not subscribed", to: .group(AudienceName("other")))
            _ = try await other.publish("3", to: .all)
            await link.settle()
            let events = link.receive(upTo: 10)
            #expect(events.first == .subscribed([.all, .group(group)]))
            #expect(events.dropFirst().map(\.text) == ["1", "2", "3"])
            link.unsubscribe(from: [.all])
            await link.settle()
            _ = try await other.publish("4", to: .all)
            _ = try await endpoint.store.mark(from: node.caller)
            await link.settle()
            guard case .mark = link.receive(upTo: 10).first else { throw ContractError() }
        }
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `An operation is executed once, and its refusal remembered`(kind: SessionStoreKind) async throws {
        try await kind.withStore { endpoint in
            var node = ContractNode(1, endpoint)
            let session = try await node.attach(connection)
            #expect(try await node.publish("1", to: .all).answer == .executed)
            let again = SessionOperation.publish(.test("1", to: .all), from: nil)
            #expect(try await node.execute(again, repeating: node.lastSequence).answer == .alreadyExecuted)
            let unknown = ConnectionID("0000000000000000000000ee00000001")!
            let refused = SessionOperation.publish(.test("2", to: .connection(unknown)), from: nil)
            #expect(try await node.execute(refused).answer == .refused(.noReceiver))
            let sequence = node.lastSequence
            #expect(try await node.publish("3", to: .all).answer == .executed)
            #expect(try await node.execute(refused, repeating: sequence).answer == .refused(.noReceiver))
            #expect(try await node.execute(again, repeating: sequence + 5).answer == .gap(after: sequence + 1))
            // The node gave up what lies between.
            let skipping = OperationSequence(number: sequence + 5, previous: sequence + 1)
            #expect(try await endpoint.store.execute(again, as: skipping, from: node.caller).answer == .executed)
            // An attach that is repeated answers the fence.
            let attach = SessionOperation.attach(
                SessionAttachment(connection: connection, protocol: "test", tokenHash: [], window: .seconds(1))
            )
            #expect(try await node.execute(attach, repeating: 1).answer == .attached(session.fence))
        }
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `The script that publishes remembers the acknowledged id, whoever owns the session then`(
        kind: SessionStoreKind
    ) async throws {
        try await kind.withStore { endpoint in
            var node = ContractNode(1, endpoint)
            var other = ContractNode(2, endpoint)
            let session = try await node.attach(connection)
            let writer = SessionWriter(connection: connection, fence: session.fence, ackID: .number(7))
            #expect(try await node.publish("1", to: .all, as: writer).answer == .executed)
            guard case .claimed(let record) = try await other.claim(connection) else { throw ContractError() }
            let next = SessionWriter(connection: connection, fence: record.fence, ackID: .number(7))
            #expect(try await other.publish("1", to: .all, as: next).answer == .duplicate)
            #expect(try await node.publish("2", to: .all, as: writer).answer == .refused(.fenced))
        }
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `Joins and leaves are intervals, with a control entry each`(kind: SessionStoreKind) async throws {
        try await kind.withStore { endpoint in
            var node = ContractNode(1, endpoint)
            let session = try await node.attach(connection)
            let joined = try await node.execute(.change(SessionChange(.joined(group), of: connection)))
            let again = try await node.execute(.change(SessionChange(.joined(group), of: connection)))
            let left = try await node.execute(.change(SessionChange(.left(group), of: connection)))
            #expect([joined.answer, again.answer, left.answer] == [.executed, .executed, .executed])
            let start = session.fence.position.number
            guard case .topics(let topics) = try await node.read(session, after: start) else { throw ContractError() }
            #expect(topics == [.all, .connection(connection), .group(group)])
            guard case .page(let page, let memberships) = try await node.read(session, after: start, groups: [group])
            else { throw ContractError() }
            #expect(page.entries.map(\.content) == [.control(.joined(group)), .control(.left(group))])
            let interval = MembershipHistory.Interval(from: joined.position.number, to: left.position.number)
            #expect(memberships.intervals == [group: [interval]])
            let checkpoint = Checkpoint(number: left.position.number, delivered: 0)
            let acknowledgement = SessionAcknowledgement(session: session, checkpoint: checkpoint)
            #expect(try await endpoint.store.acknowledge([acknowledgement], from: node.caller).answer == [.done])
            let record = try await endpoint.store.records(in: .default, after: nil, limit: 10).first
            #expect(record?.memberships.intervals == [:] && record?.checkpoint == checkpoint)
        }
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `A claim needs the token, fences the former owner, and tells it`(kind: SessionStoreKind) async throws {
        try await kind.withStore { endpoint in
            var node = ContractNode(1, endpoint)
            let other = ContractNode(2, endpoint)
            let link = await endpoint.openLink(node.id)
            let session = try await node.attach(connection)
            #expect(try await other.claim(connection, token: [1, 2, 4]) == .never(.gone))
            guard case .claimed(let record) = try await other.claim(connection) else { throw ContractError() }
            #expect(record.status == .attached(other.id) && record.fence != session.fence)
            await link.settle()
            #expect(link.receive(upTo: 10) == [.fenced(connection, by: record.fence)])
            let store = endpoint.store
            let checkpoint = Checkpoint(number: record.fence.position.number, delivered: 0)
            let acknowledgement = SessionAcknowledgement(session: session, checkpoint: checkpoint)
            #expect(try await store.acknowledge([acknowledgement], from: node.caller).answer == [.refused(.fenced)])
            #expect(try await store.detach(session, from: node.caller).answer == .refused(.fenced))
            #expect(try await store.remove(session, reason: "", from: node.caller).answer == .refused(.fenced))
            #expect(try await store.take(session, from: node.caller).answer == .refused(.fenced))
            #expect(try await node.read(session, after: 0) == .refused(.fenced))
        }
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `A detached session may be claimed within its window, and is removed once after it`(kind: SessionStoreKind) async throws
    {
        try await kind.withStore { endpoint in
            var node = ContractNode(1, endpoint)
            let store = endpoint.store
            let session = try await node.attach(connection)
            #expect(try await store.detach(session, from: node.caller).answer == .done)
            #expect(try await store.expire(connection, from: node.caller).answer == .refused(.fenced))
            #expect(try await store.expired(in: .default, limit: 10) == [])
            try await endpoint.advance(60_000)
            #expect(try await store.expired(in: .default, limit: 10) == [connection])
            #expect(try await store.expire(connection, from: node.caller).answer == .done)
            #expect(try await store.expire(connection, from: node.caller).answer == .refused(.gone))
            #expect(try await node.claim(connection) == .never(.gone))
            #expect(try await store.ended(in: .default, limit: 10).map(\.connection) == [connection])
            try await store.confirmEnded([connection], in: .default)
            #expect(try await store.ended(in: .default, limit: 10) == [])
        }
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `Any node takes the session of a dead owner, and closes one for REST`(kind: SessionStoreKind) async throws {
        try await kind.withStore { endpoint in
            var node = ContractNode(1, endpoint)
            var other = ContractNode(2, endpoint)
            let store = endpoint.store
            let session = try await node.attach(connection)
            #expect(try await store.sessions(of: node.id, in: .default, limit: 10) == [session])
            #expect(try await store.take(session, from: other.caller).answer == .done)
            #expect(try await store.take(session, from: other.caller).answer == .refused(.fenced))
            #expect(try await node.read(session, after: 0) == .refused(.fenced))
            guard case .claimed = try await node.claim(connection) else { throw ContractError() }
            let link = await endpoint.openLink(node.id)
            #expect(try await other.execute(.close(connection, reason: "why")).answer == .executed)
            await link.settle()
            #expect(link.receive(upTo: 10) == [.closed(connection, reason: "why")])
            #expect(try await other.execute(.close(connection, reason: "why")).answer == .refused(.gone))
        }
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `Pages are bounded and complete`(kind: SessionStoreKind) async throws {
        try await kind.withStore { endpoint in
            var node = ContractNode(1, endpoint)
            let session = try await node.attach(connection, groups: [group])
            for number in 0..<600 { _ = try await node.publish("\(number)", to: number % 3 == 0 ? .group(group) : .all) }
            var texts: [String?] = []
            var after = session.fence.position.number
            while true {
                guard case .page(let page, _) = try await node.read(session, after: after, groups: [group])
                else { throw ContractError() }
                #expect(page.entries.count <= 256)
                texts += page.entries.map(\.text)
                after = page.through
                if page.isLast { break }
            }
            #expect(texts == (0..<600).map { "\($0)" })
            #expect(after == node.seen?.number)
        }
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `Vouching for another epoch or with another fence does nothing`(kind: SessionStoreKind) async throws {
        try await kind.withStore { endpoint in
            var node = ContractNode(1, endpoint)
            let session = try await node.attach(connection)
            let epoch = session.fence.position.epoch
            let other = OwnedSession(connection: connection, fence: Fence(Position(epoch: epoch, number: 1)))
            let store = endpoint.store
            #expect(
                try await store.vouch(for: [session, other], in: epoch, from: node.caller).answer == [.done, .refused(.fenced)]
            )
            #expect(try await store.vouch(for: [session], in: epoch + 1, from: node.caller).answer == [.refused(.unverified)])
        }
    }
}
