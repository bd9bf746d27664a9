import NIOCore
import NIOPosix
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

/// What every broker reads from its logs.
@Suite(.timeLimit(.minutes(3)))
struct BrokerHistoryContractTests {
    private static let kinds: [BrokerKind] = [.memory, .redis]
    private static let hub = HubName("chat")!
    private static let topics: [Topic] = [.all(Self.hub), .group(Self.hub, "blue"), .user(Self.hub, "ann")]

    /// Publishes to the topics in turn, from the nodes in turn.
    private static func publish(_ count: Int, on nodes: [BrokerEndpoint]) async throws -> [HistoryText] {
        var published: [HistoryText] = []
        for number in 0..<count {
            let topic = Self.topics[number * 7 % 5 % 3]
            let position = await nodes[number % nodes.count].place(of: "\(number)", on: topic)
            published.append(HistoryText(position: try #require(position), topic: topic, text: "\(number)"))
        }
        return published
    }

    private static func subscribe(_ nodes: [BrokerEndpoint]) async throws {
        for node in nodes { for topic in Self.topics { try await node.broker.subscribe(to: topic) } }
    }

    @Test(arguments: Self.kinds)
    func `A reader gets the publications of its topics behind a position, in the hub's order, page by page`(
        kind: BrokerKind
    ) async throws {
        try await kind.withCluster(of: 2) { nodes in
            try await Self.subscribe(nodes)
            let published = try await Self.publish(40, on: nodes)
            _ = await nodes[0].place(of: "of another hub", on: .all)
            for topics: Set<Topic> in [Set(Self.topics), [Self.topics[0], Self.topics[2]], [Self.topics[1]]] {
                let own = published.filter { topics.contains($0.topic) }
                for limit in [1, 3, 256] {
                    for after in [nil] + published.map(\.position).enumerated().filter({ $0.offset % 9 == 0 }).map(\.element) {
                        let history = try await nodes[1].history(of: topics, after: after, limit: limit)
                        #expect(history.texts == own.filter { $0.position > after ?? Position(epoch: 0, number: 0) })
                        #expect(!history.hasGap)
                    }
                }
            }
        }
    }

    @Test(arguments: Self.kinds)
    func `Delivered publications have the positions of receipts and of pages`(kind: BrokerKind) async throws {
        try await kind.withCluster(of: 2) { nodes in
            try await Self.subscribe(nodes)
            let published = try await Self.publish(20, on: nodes)
            _ = await nodes[0].publish("own", to: .node(nodes[1].node))
            #expect(await eventually { nodes[0].receiver.count == 20 && nodes[1].receiver.count >= 20 })
            for node in nodes {
                let delivered = node.receiver.envelopes.prefix(20).map(\.position)
                #expect(delivered == published.map(\.position))
            }
            try await nodes[1].broker.subscribe(to: .node(nodes[1].node))
            _ = await nodes[0].publish("own", to: .node(nodes[1].node))
            #expect(await eventually { nodes[1].receiver.texts.last == "own" })
            #expect(nodes[1].receiver.envelopes.last?.position == nil)
        }
    }

    /// Each resumes at another position while publishing goes on.
    @Test(arguments: Self.kinds)
    func `Who subscribes, reads up to the last page, and takes what is delivered above it misses nothing`(
        kind: BrokerKind
    ) async throws {
        try await kind.withCluster(of: 3) { nodes in
            for topic in Self.topics { try await nodes[0].broker.subscribe(to: topic) }
            let first = try await Self.publish(10, on: [nodes[0]])
            async let later = Self.publish(200, on: Array(nodes[..<2]))
            for topic in Self.topics { try await nodes[2].broker.subscribe(to: topic) }
            let history = try await nodes[2].history(of: Set(Self.topics), after: first[4].position, limit: 7)
            let expected = first[5...] + (try await later)
            let receiver = nodes[2].receiver
            #expect(await eventually { receiver.envelopes.last?.position == expected.last?.position })
            let live = zip(receiver.envelopes, receiver.texts).filter { ($0.0.position ?? history.through) > history.through }
            #expect(history.texts.map(\.position) + live.compactMap(\.0.position) == expected.map(\.position))
            #expect(history.texts.map(\.text) + live.map(\.1) == expected.map(\.text))
            #expect(!history.hasGap)
        }
    }

    @Test(arguments: Self.kinds)
    func `A position that the log does not reach back to, and one that it never had, are gaps`(kind: BrokerKind) async throws {
        try await kind.withCluster(of: 1, settings: BrokerSettings(historyMessages: 16)) { nodes in
            try await Self.subscribe(nodes)
            let published = try await Self.publish(100, on: nodes)
            func read(_ position: Position?) async throws -> HistoryText.Pages {
                try await nodes[0].history(of: [Self.topics[0]], after: position, limit: 256)
            }
            let all = try await read(nil)
            #expect(!all.hasGap && all.texts.count > 1 && all.texts.count < 100)
            let (first, last) = (try #require(all.texts.first), try #require(published.last))
            #expect(
                try await read(published[0].position) == HistoryText.Pages(texts: all.texts, through: all.through, hasGap: true)
            )
            #expect(
                try await read(first.position)
                    == HistoryText.Pages(texts: Array(all.texts.dropFirst()), through: all.through, hasGap: false)
            )
            #expect(try await read(last.position) == HistoryText.Pages(texts: [], through: last.position, hasGap: false))
            let beyond = Position(epoch: last.position.epoch, number: last.position.number + 1)
            #expect(try await read(beyond) == HistoryText.Pages(texts: [], through: last.position, hasGap: true))
            for epoch in [0, 1, last.position.epoch + 1, .max] {
                for number in [0, last.position.number, UInt64.max] {
                    let page = try await read(Position(epoch: epoch, number: number))
                    #expect(page.hasGap, "\(epoch)-\(number)")
                    if epoch > last.position.epoch { #expect(page.texts == all.texts) }
                }
            }
        }
    }

    @Test(arguments: Self.kinds)
    func `Without a limit only the hub's position is told`(kind: BrokerKind) async throws {
        try await kind.withCluster(of: 1) { nodes in
            try await Self.subscribe(nodes)
            let before = try await nodes[0].broker.read(Set(Self.topics), after: nil, limit: 0)
            #expect(before.entries.isEmpty && before.isLast && !before.hasGap)
            let published = try await Self.publish(3, on: nodes)
            let page = try await nodes[0].broker.read([Self.topics[0]], after: before.through, limit: 0)
            #expect(page == HistoryPage(entries: [], through: published[2].position, isLast: true, hasGap: false))
            let history = try await nodes[0].history(of: Set(Self.topics), after: before.through, limit: 2)
            #expect(history.texts == published && !history.hasGap)
        }
    }

    @Test(arguments: Self.kinds)
    func `A page has about a mebibyte at most, and at least one publication`(kind: BrokerKind) async throws {
        try await kind.withCluster(of: 1) { nodes in
            try await Self.subscribe(nodes)
            var texts: [String] = []
            for number in 0..<12 {
                texts.append("\(number)" + String(repeating: "x", count: number % 3 == 0 ? 900_000 : 100_000))
                _ = await nodes[0].place(of: texts[number], on: Self.topics[number % 2])
            }
            var (read, after): ([String], Position?) = ([], nil)
            while read.count < texts.count {
                let page = try await nodes[0].broker.read(Set(Self.topics), after: after, limit: 256)
                let sizes = page.entries.map(\.publication.payload.readableBytes)
                #expect(!sizes.isEmpty && sizes.dropLast().reduce(0, +) < HistoryPage.maximumBytes && !page.hasGap)
                read += page.entries.map { String(buffer: $0.publication.payload) }
                after = page.through
                #expect(page.isLast == (read.count == texts.count))
            }
            #expect(read == texts)
        }
    }

    @Test(arguments: Self.kinds)
    func `Commands to an audience are not publications`(kind: BrokerKind) async throws {
        try await kind.withCluster(of: 1) { nodes in
            try await Self.subscribe(nodes)
            let published = try await Self.publish(3, on: nodes)
            let command = AudienceCommand(
                id: .random(on: nodes[0].node),
                hub: Self.hub,
                audience: .all,
                timestamp: 0,
                action: .leaveAll
            )
            nodes[0].broker.publish(.audience(command), to: Self.topics[0], completion: nil)
            let more = try await Self.publish(2, on: nodes)
            let history = try await nodes[0].history(of: Set(Self.topics), after: nil, limit: 1)
            #expect(history.texts == published + more && !history.hasGap)
        }
    }

    @Test func `A broker that logs nothing has no history`() async throws {
        try await BrokerKind.redisAtMostOnce.withCluster(of: 1) { nodes in
            await #expect(throws: HistoryError.notLogged) { try await nodes[0].broker.read([.all], after: nil, limit: 1) }
        }
        try await BrokerKind.run([
            .memory(MemoryBus(settings: .init(delivery: .atMostOnce)), on: MultiThreadedEventLoopGroup.singleton.any())
        ]) { nodes in
            await #expect(throws: HistoryError.notLogged) { try await nodes[0].broker.read([.all], after: nil, limit: 1) }
            #expect(await nodes[0].publishWithPosition("x") == .success(.relayed(receivers: 0, at: nil)))
        }
    }
}
