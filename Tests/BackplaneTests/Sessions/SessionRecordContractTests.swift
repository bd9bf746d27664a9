import NIOCore
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// What every ``SessionStore`` keeps of a session.
struct SessionRecordContractTests {
    private let connection = ConnectionID("0000000000000000000000ff00000001")!
    private let long = AudienceName(String(repeating: "é", count: 1000))!

    @Test(arguments: SessionStoreKind.allCases)
    func `A record holds what the session began with, and its changes`(kind: SessionStoreKind) async throws {
        try await kind.withStore { endpoint in
            var node = ContractNode(1, endpoint)
            let attachment = SessionAttachment(
                connection: connection,
                user: "it's {ann}",
                protocol: "test",
                tokenHash: [0, 1, 255],
                window: .seconds(60),
                groups: ["a/b", long],
                permissions: ["send", "é"],
                state: ByteBuffer(bytes: [1, 0, 2]),
                connectedAt: 1_799_999_999_999
            )
            let observed = try await node.execute(.attach(attachment))
            guard case .attached(let fence) = observed.answer else { throw ContractError() }
            let changes: [ControlEntry] = [
                .joined(long), .left(long), .joined("c"), .permissions([]), .state(ByteBuffer(string: "later")),
            ]
            var numbers: [UInt64] = []
            for change in changes {
                numbers.append(try await node.execute(.change(SessionChange(change, of: connection))).position.number)
            }
            let start = fence.position.number
            let record = try #require(try await endpoint.store.records(in: .default, after: nil, limit: 10).first)
            #expect(record.user == "it's {ann}" && record.protocol == "test" && record.tokenHash == [0, 1, 255])
            #expect(record.window == .seconds(60) && !record.announcesEnd && record.fence == fence)
            #expect(record.status == .attached(node.id) && record.checkpoint == Checkpoint(number: start, delivered: 0))
            #expect(record.connectedAt == 1_799_999_999_999)
            #expect(record.permissions == [] && record.state == ByteBuffer(string: "later"))
            let intervals: [AudienceName: [MembershipHistory.Interval]] = [
                "a/b": [.init(from: start)], long: [.init(from: start, to: numbers[1])], "c": [.init(from: numbers[2])],
            ]
            #expect(record.memberships.intervals == intervals)
            // The first change changed nothing.
            let session = OwnedSession(connection: connection, fence: fence)
            let topics: Set<Audience> = [
                .all, .user("it's {ann}"), .group("a/b"), .group(long), .group("c"), .connection(connection),
            ]
            let read = SessionRead(session: session, after: start, topics: topics)
            guard case .page(let page, _) = try await endpoint.store.read(read, from: node.caller).answer
            else { throw ContractError() }
            #expect(page.entries.map(\.content) == changes.dropFirst().map { .control($0) })
            guard case .topics(topics) = try await node.read(session, after: start) else { throw ContractError() }
        }
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `The newest thousand acknowledged ids are remembered by the script`(kind: SessionStoreKind) async throws {
        try await kind.withStore { endpoint in
            var node = ContractNode(1, endpoint)
            let session = try await node.attach(connection)
            func writer(_ id: AckID) -> SessionWriter {
                SessionWriter(connection: connection, fence: session.fence, ackID: id)
            }
            let first = try #require(AckID("a b"))
            let ids = [first, .number(.max)] + (1...1001).map { AckID.number($0) } + [.number(5000)]
            for id in ids { #expect(try await node.publish("x", to: .all, as: writer(id)).answer == .executed) }
            for id in [AckID.number(5), .number(1001), .number(5000)] {
                #expect(try await node.publish("x", to: .all, as: writer(id)).answer == .duplicate)
            }
            for id in [first, .number(.max), .number(1), .number(2)] {
                #expect(try await node.publish("x", to: .all, as: writer(id)).answer == .executed)
            }
            let record = try await endpoint.store.records(in: .default, after: nil, limit: 1).first
            let acknowledged = try #require(record).acknowledged
            #expect(acknowledged.contains(.number(.max)) && !acknowledged.contains(.number(3)))
        }
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `What is too large is refused, and uses its sequence up`(kind: SessionStoreKind) async throws {
        try await kind.withStore { endpoint in
            var node = ContractNode(1, endpoint)
            let session = try await node.attach(connection)
            let large = ByteBuffer(repeating: 1, count: SessionLimits.stateBytes + 1)
            let text = UTF8Text(String(repeating: "p", count: SessionLimits.permissionBytes + 1))
            for change in [ControlEntry.state(large), .permissions([text])] {
                let fenced = SessionWriter(connection: connection, fence: Fence(Position(epoch: 1, number: 1)))
                #expect(try await node.execute(.change(SessionChange(change, of: connection))).answer == .refused(.full))
                #expect(try await node.execute(.change(SessionChange(change, by: fenced))).answer == .refused(.fenced))
            }
            let attachment = SessionAttachment(
                connection: .random(on: node.id),
                protocol: "test",
                tokenHash: [],
                window: .seconds(1),
                state: large
            )
            #expect(try await node.execute(.attach(attachment)).answer == .refused(.full))
            #expect(try await node.publish("x", to: .connection(connection)).answer == .executed)
            #expect(
                try await endpoint.store.lastNumbers(of: [.connection(connection)], from: node.caller).answer.byTopic.count == 1
            )
            #expect(try await node.read(session, after: session.fence.position.number).isPage)
        }
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `A session is in no more groups than a connection may be in`(kind: SessionStoreKind) async throws {
        try await kind.withStore { endpoint in
            var node = ContractNode(1, endpoint)
            let groups = (0..<2046).map { AudienceName("g\($0)")! }
            _ = try await node.attach(connection, groups: groups)
            for name: AudienceName in ["a", "b", "a"] {
                #expect(try await node.change(connection, .joined(name)) == .executed)
            }
            #expect(try await node.change(connection, .joined("c")) == .refused(.full))
            // The interval of one that was left is kept, and counts for nothing here.
            #expect(try await node.change(connection, .left("a")) == .executed)
            #expect(try await node.change(connection, .joined("c")) == .executed)
            #expect(try await node.change(connection, .joined("a")) == .refused(.full))
            let record = try #require(try await endpoint.store.records(in: .default, after: nil, limit: 1).first)
            #expect(record.memberships.current.count == 2048)
            let tooMany = SessionAttachment(
                connection: .random(on: node.id),
                protocol: "test",
                tokenHash: [],
                window: .seconds(1),
                groups: groups + ["1", "2", "3"]
            )
            #expect(try await node.execute(.attach(tooMany)).answer == .refused(.full))
        }
    }

    /// Names of 83 and of 1,003 bytes: encoded in the key, and as a hash.
    @Test(arguments: SessionStoreKind.allCases, [(40, 789), (500, 65)])
    func `The names of a session's groups count by their bytes`(
        kind: SessionStoreKind,
        names: (letters: Int, count: Int)
    ) async throws {
        try await kind.withStore { endpoint in
            var node = ContractNode(1, endpoint)
            let groups = (0..<names.count).map { AudienceName(String(repeating: "é", count: names.letters) + "\(100 + $0)")! }
            _ = try await node.attach(connection, groups: groups)
            let rest = 64 * 1024 - groups.reduce(0) { $0 + $1.byteCount }
            let tooLong = AudienceName(String(repeating: "%", count: rest + 1))!
            let fitting = AudienceName(String(repeating: "%", count: rest))!
            var answers: [OperationAnswer] = []
            for group in [tooLong, fitting, "x"] { answers.append(try await node.change(connection, .joined(group))) }
            #expect(answers == [.refused(.full), .executed, .refused(.full)])
        }
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `Sessions are found by user and group, one section after the other`(kind: SessionStoreKind) async throws {
        try await kind.withStore { endpoint in
            let store = endpoint.store
            var node = ContractNode(1, endpoint)
            let user: AudienceName = "it's {ann}"
            let ids = (0..<520).map { _ in ConnectionID.random(on: node.id) }.sorted()
            for (number, id) in ids.enumerated() {
                let attachment = SessionAttachment(
                    connection: id,
                    user: number % 2 == 0 ? user : nil,
                    protocol: "test",
                    tokenHash: [1],
                    window: .seconds(60),
                    groups: number % 3 == 0 ? [long, "c"] : ["c"]
                )
                guard case .attached = try await node.execute(.attach(attachment)).answer else { throw ContractError() }
            }
            let every = { (step: Int) in stride(from: 0, to: ids.count, by: step).map { ids[$0] } }
            #expect(try await Self.found(SessionSelection(), in: store) == ids)
            #expect(try await Self.found(SessionSelection(user: user), in: store) == every(2))
            #expect(try await Self.found(SessionSelection(group: long), in: store) == every(3))
            #expect(try await Self.found(SessionSelection(user: user, group: long), in: store) == every(6))
            #expect(try await Self.found(SessionSelection(user: "bob", group: "c"), in: store).isEmpty)
            #expect(try await Self.found(SessionSelection(), in: store, try #require(HubName("other"))).isEmpty)
            _ = try await node.execute(.change(SessionChange(.left(long), of: ids[0])))
            #expect(try await Self.found(SessionSelection(group: long), in: store) == Array(every(3).dropFirst()))
            #expect(try await store.records(of: [ids[3], connection, ids[1]], in: .default).map(\.id) == [ids[3], ids[1]])
            #expect(try await store.find(SessionSelection(), in: .default, after: nil).next == ids[499])
            let one = try #require(try await store.find(SessionSelection(), in: .default, after: ids[518]).sessions.first)
            #expect(one.owner == node.id)
            let session = OwnedSession(connection: one.id, fence: one.fence)
            #expect(try await store.detach(session, from: node.caller).answer == .done)
            #expect(try await store.find(SessionSelection(), in: .default, after: ids[518]).sessions.map(\.owner) == [nil])
        }
    }

    /// In all sections.
    private static func found(
        _ selection: SessionSelection,
        in store: any SessionStore,
        _ hub: HubName = .default
    ) async throws -> [ConnectionID] {
        var sections = [try await store.find(selection, in: hub, after: nil)]
        while let next = sections.last?.next { sections.append(try await store.find(selection, in: hub, after: next)) }
        return sections.flatMap { $0.sessions.map(\.id) }
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `Records are listed in the order of their ids, page by page`(kind: SessionStoreKind) async throws {
        try await kind.withStore { endpoint in
            var node = ContractNode(1, endpoint)
            let ids = (0..<150).map { _ in ConnectionID.random(on: node.id) }.sorted()
            for id in ids { _ = try await node.attach(id) }
            let store = endpoint.store
            #expect(try await store.records(in: .default, after: nil, limit: 1000).map(\.id) == ids)
            #expect(try await store.records(in: .default, after: ids[9], limit: 120).map(\.id) == Array(ids[10..<130]))
            #expect(try await store.sessions(of: node.id, in: .default, limit: 20).map(\.connection) == Array(ids[..<20]))
            let other = try #require(HubName("other"))
            #expect(try await store.records(in: other, after: nil, limit: 10).isEmpty)
        }
    }

    @Test(arguments: SessionStoreKind.allCases)
    func `The end of a session is told with its user, state and reason, for an hour`(kind: SessionStoreKind) async throws {
        try await kind.withStore { endpoint in
            var node = ContractNode(1, endpoint)
            let store = endpoint.store
            let session = try await node.attach(connection)
            _ = try await node.execute(.change(SessionChange(.state(ByteBuffer(string: "state")), of: connection)))
            #expect(try await store.remove(session, reason: "why {é}", from: node.caller).answer == .done)
            let ended = try await store.ended(in: .default, limit: 10)
            #expect(ended.map(\.reason) == ["why {é}"] && ended.first?.state == ByteBuffer(string: "state"))
            #expect(ended.first?.user == nil)
            try await endpoint.advance(3_610_000)
            _ = try await store.mark(from: node.caller)
            #expect(try await store.ended(in: .default, limit: 10).isEmpty)
        }
    }
}

extension SessionReadAnswer {
    fileprivate var isPage: Bool { if case .page = self { true } else { false } }
}
