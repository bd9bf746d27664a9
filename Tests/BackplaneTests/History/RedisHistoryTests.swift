import NIOCore
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryBackplane

/// What a reader of logs in Redis is told when something is missing.
@Suite(.timeLimit(.minutes(3)))
struct RedisHistoryTests {
    private static let hub = HubName("chat")!
    private static let all = Topic.all(Self.hub)
    private static let blue = Topic.group(Self.hub, "blue")
    private static let ann = Topic.user(Self.hub, "ann")

    private static func run(_ body: (RedisServer, BrokerEndpoint) async throws -> Void) async throws {
        let server = try RedisServer.start()
        defer { server.stop() }
        try await BrokerKind.run([.redis(try RedisConfiguration(url: server.url))]) { nodes in
            try await nodes[0].broker.subscribe(to: Self.all)
            await Self.endMinuteOfNewData(in: server)
            try await body(server, nodes[0])
        }
    }

    /// In the first minute all topics are logged.
    private static func endMinuteOfNewData(in server: RedisServer) async {
        let key = HubStoreKeys(Self.hub, .standard).new
        #expect(await eventually { server.command("DEL", key) == ":1\r\n" })
    }

    @Test func `What was published on a topic before anybody used it is missing there, and nowhere else`() async throws {
        try await Self.run { server, node in
            let start = try #require(await node.place(of: "start", on: Self.all))
            try await node.broker.subscribe(to: Self.ann)
            let lost = try #require(await node.place(of: "lost", on: Self.blue))
            func hasGap(_ topic: Topic, _ position: Position) async throws -> Bool {
                try await node.history(of: [topic], after: position, limit: 10).hasGap
            }
            #expect(try await hasGap(Self.blue, start))
            for (topic, position) in [(Self.all, start), (Self.ann, start), (Self.blue, lost)] {
                #expect(try await !hasGap(topic, position), "\(topic)")
            }
            // From here on it is used.
            try await node.broker.subscribe(to: Self.blue)
            let kept = try #require(await node.place(of: "kept", on: Self.blue))
            #expect(try await hasGap(Self.blue, start))
            let history = try await node.history(of: [Self.all, Self.blue, Self.ann], after: lost, limit: 10)
            #expect(history.texts.map(\.position) == [kept] && !history.hasGap)
            // Still logged when nobody is subscribed.
            await node.broker.unsubscribe(from: Self.blue)
            #expect(await eventually { server.subscribers(to: Self.blue) == 0 })
            let late = try #require(await node.place(of: "late", on: Self.blue))
            #expect(try await node.history(of: [Self.blue], after: lost, limit: 1).texts.map(\.position) == [kept, late])
        }
    }

    @Test(arguments: [false, true])
    func `Entries that are gone are a gap, whether the head is gone, too, or not`(isHeadGone: Bool) async throws {
        try await Self.run { server, node in
            let keys = LogKeys(Self.all)
            var positions: [Position] = []
            for text in ["1", "2", "3"] { positions.append(try #require(await node.place(of: text, on: Self.all))) }
            server.command("DEL", keys.log)
            if isHeadGone { server.command("DEL", keys.head) }
            if isHeadGone {
                // As after two minutes: otherwise nothing is known about a topic without a head.
                server.command("HSET", keys.ordered[0], "marks", "\(UTCClock.now()):\(positions[2].number),")
            }
            for (position, hasGap) in zip(positions, [true, true, false]) {
                let page = try await node.broker.read([Self.all], after: position, limit: 10)
                #expect(page == HistoryPage(entries: [], through: positions[2], isLast: true, hasGap: hasGap))
            }
        }
    }

    @Test func `After another history of Redis every former position is a gap, and what is kept has its former position`()
        async throws
    {
        try await Self.run { server, node in
            let former = try #require(await node.place(of: "former", on: Self.all))
            server.command("HSET", LogKeys(Self.all).ordered[0], "run", "another", "checked", "0")
            let later = try #require(await node.place(of: "later", on: Self.all))
            #expect(later.epoch > former.epoch)
            let history = try await node.history(of: [Self.all], after: nil, limit: 1)
            #expect(history.texts.map(\.position) == [former, later] && !history.hasGap)
            let resumed = try await node.history(of: [Self.all], after: former, limit: 1)
            #expect(resumed.texts.map(\.position) == [later] && resumed.hasGap && resumed.through == later)
            let node = node.receiver
            #expect(await eventually { node.envelopes.map(\.position) == [former, later] })
        }
    }

    @Test func `Reading itself notices another history`() async throws {
        try await Self.run { server, node in
            let former = try #require(await node.place(of: "former", on: Self.all))
            server.command("HSET", LogKeys(Self.all).ordered[0], "run", "another", "checked", "0")
            let page = try await node.broker.read([Self.all], after: former, limit: 10)
            #expect(page.hasGap && page.entries.isEmpty && page.through.epoch > former.epoch)
        }
    }

    @Test func `What this node cannot read is a gap, and what no node wrote is passed over`() async throws {
        try await Self.run { server, node in
            let keys = LogKeys(Self.all)
            let first = try #require(await node.place(of: "first", on: Self.all))
            let last = try #require(await node.place(of: "last", on: Self.all))
            server.command("XADD", keys.log, "\(last.number)-7", "t", "1", "b", "1", "e", "x")
            #expect(try await node.history(of: [Self.all], after: nil, limit: 1).texts.map(\.position) == [first, last])
            let unreadable = #"redis.call('XADD', KEYS[1], ARGV[1], 't', 1, 'b', 1, 'e', 'V\1', 'p', ARGV[2], 'o', 3) "#
            let script = unreadable + "redis.call('HSET', KEYS[2], 'last', ARGV[1]) redis.call('HINCRBY', KEYS[3], 'number', 1)"
            let arguments = ["\(last.number + 1)", "\(last.number)"]
            server.command(["EVAL", script, "3", keys.log, keys.head, keys.ordered[0]] + arguments)
            let history = try await node.history(of: [Self.all], after: first, limit: 1)
            #expect(history.texts.map(\.position) == [last] && history.hasGap)
            #expect(history.through.number == last.number + 1)
            // Keys of other types.
            server.command("SET", keys.log, "x")
            #expect(try await node.broker.read([Self.all], after: first, limit: 5).hasGap)
            server.command("SET", keys.head, "x")
            #expect(try await node.broker.read([Self.all], after: first, limit: 5).hasGap)
        }
    }

    @Test func `While Redis is away nothing can be read, and afterwards it can`() async throws {
        try await Self.run { server, node in
            server.command("SCRIPT", "FLUSH")
            let position = try await node.broker.read([Self.all], after: nil, limit: 0).through
            server.kill()
            #expect(await eventually { !node.broker.health.isUp })
            await #expect(throws: HistoryError.self) { try await node.broker.read([Self.all], after: position, limit: 1) }
            try server.restart()
            #expect(await eventually { node.broker.health.isUp })
            #expect(try await node.broker.read([Self.all], after: position, limit: 1).hasGap)
        }
    }

    /// Logs of eight entries, of which some expire or are removed; topics that nobody uses, or only later. Whatever is read, each
    /// publication between the position and the end of the page is in it, unless the page tells of a gap.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func `Nothing is missing without a gap, whatever is read`(seed: UInt64) async throws {
        let settings = BrokerSettings(historyMessages: 8)
        let server = try RedisServer.start()
        defer { server.stop() }
        var random = SplitMix64(state: seed)
        let topics = [Self.all, Self.blue, Self.ann] + (0..<5).map { Topic.group(Self.hub, AudienceName("g\($0)" as String)!) }
        try await BrokerKind.run([.redis(try RedisConfiguration(url: server.url), settings: settings)]) { nodes in
            try await nodes[0].broker.subscribe(to: Self.all)
            await Self.endMinuteOfNewData(in: server)
            var published: [HistoryText] = []
            var positions: [Position?] = [nil]
            var (told, whole) = (0, 0)
            for number in 0..<400 {
                let topic = topics[Int.random(in: 0..<topics.count, using: &random)]
                switch Int.random(in: 0..<20, using: &random) {
                case 0...1: try await nodes[0].broker.subscribe(to: topic)
                case 2: await nodes[0].broker.unsubscribe(from: topic)
                case 3 where number % 8 == 0: server.command("DEL", LogKeys(topic).log)
                case 4..<9:
                    let some = Set(topics.filter { _ in Bool.random(using: &random) } + [topic])
                    let after = positions[Int.random(in: max(positions.count - 20, 0)..<positions.count, using: &random)]
                    let limit = Int.random(in: 1...9, using: &random)
                    let page = try await nodes[0].broker.read(some, after: after, limit: limit)
                    let read = page.entries.map(\.position)
                    let expected = published.filter {
                        some.contains($0.topic) && $0.position > after ?? page.through && $0.position <= page.through
                    }.map(\.position)
                    if page.hasGap { told += 1 } else if after != nil { whole += expected.count }
                    #expect(page.hasGap || after == nil || read == expected, "\(number): \(read) of \(expected)")
                    #expect(read == read.sorted() && Set(read).count == read.count && read.count <= limit)
                    #expect(Set(read).isSubset(of: published.map(\.position)))
                    #expect(read.allSatisfy { $0 > after ?? Position(epoch: 0, number: 0) && $0 <= page.through })
                default:
                    let position = try #require(await nodes[0].place(of: "\(number)", on: topic))
                    published.append(HistoryText(position: position, topic: topic, text: "\(number)"))
                    positions.append(position)
                }
            }
            #expect(told > 10 && whole > 10, "\(told) gaps, \(whole) read without")
        }
    }
}
