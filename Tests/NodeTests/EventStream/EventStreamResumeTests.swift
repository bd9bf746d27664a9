import NIOCore
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// Readers that connect again and name the last event that they got.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct EventStreamResumeTests {
    /// - Returns: the position in the receipt.
    @discardableResult
    private static func push(
        _ node: APITestNode,
        _ text: String,
        to path: String = "connections/broadcast"
    ) async throws -> String? {
        let answer = try await node.http.request("POST", "/api/\(path)?hub=chat", body: #"{"message": "\#(text)"}"#)
        #expect(answer.status == 200)
        return answer.json["position"] as? String
    }

    private static func resume(
        _ node: APITestNode,
        after id: String?,
        _ query: String = ""
    ) async throws -> EventStreamClient {
        try await EventStreamClient.open(node, "?hub=chat\(query)", "Last-Event-ID: \(id ?? "")\r\n")
    }

    private static func texts(_ events: [EventStreamClient.Event]) -> [String] {
        events.compactMap { $0.data.firstMatch(of: /"message":"([^"]*)"/).map { String($0.1) } }
    }

    @Test func `A stream begins with the position of its hub, and each event has that of its message`() async throws {
        try await APITestNode.with(2) { nodes in
            let before = try #require(try await Self.push(nodes[0], "before"))
            let reader = try await EventStreamClient.open(nodes[1], "?hub=chat&group=g")
            #expect(await eventually { reader.lastID != nil })
            let first = try #require(reader.lastID.flatMap { Position($0) })
            let last = try #require(Position(before))
            #expect(first >= last)
            var positions: [String?] = []
            for path in ["connections/broadcast", "groups/g/send"] {
                positions.append(try await Self.push(nodes[0], "x", to: path))
            }
            #expect(await reader.events(2).map(\.id) == positions)
            #expect(reader.lastID == positions.last)
            // An empty id is none.
            let again = try await Self.resume(nodes[0], after: nil)
            #expect(await eventually { again.lastID != nil } && again.events.isEmpty)
        }
    }

    /// To the group, or to all.
    private static func path(_ number: Int) -> String { number % 3 == 0 ? "groups/g/send" : "connections/broadcast" }

    @Test func `What a reader has missed comes on any node, in order and once, and then what is sent meanwhile and later`()
        async throws
    {
        try await APITestNode.with(2) { nodes in
            let query = "&group=g"
            let first = try await EventStreamClient.open(nodes[0], "?hub=chat\(query)")
            try await Self.push(nodes[1], "0")
            #expect(await first.events(1).count == 1)
            let id = try #require(first.lastID)
            try await first.raw.endOutput()
            #expect(await eventually { first.raw.isEnded })
            // More than one page.
            for number in 1...300 { try await Self.push(nodes[number % 2], "\(number)", to: Self.path(number)) }
            try await Self.push(nodes[0], "other", to: "groups/other/send")
            async let later: Void = {
                for number in 301...360 { try await Self.push(nodes[0], "\(number)", to: Self.path(number)) }
            }()
            let second = try await Self.resume(nodes[1], after: id, query)
            try await later
            #expect(await eventually { second.events.count >= 360 })
            #expect(Self.texts(second.events) == (1...360).map { "\($0)" })
            let positions = second.events.compactMap { $0.id.flatMap { Position($0) } }
            #expect(positions.count == 360 && positions == positions.sorted())
            try await Self.push(nodes[0], "361")
            #expect(await second.events(361).last?.data.contains(#""message":"361""#) == true)
        }
    }

    @Test(arguments: ["1-1", "99999999999999-1", "nothing", "1-1-1"])
    func `Where messages may be missing, an event says so, and the stream goes on`(id: String) async throws {
        try await APITestNode.with { node in
            try await Self.push(node, "before")
            let reader = try await Self.resume(node, after: id)
            #expect(await reader.events(1).first?.name == "gap" && reader.events.first?.id == nil)
            #expect(reader.events.first?.data.contains(#""message":"Messages may have been lost.""#) == true)
            #expect(await eventually { reader.lastID.flatMap { Position($0) } != nil })
            try await Self.push(node, "after")
            #expect(await eventually { Self.texts(reader.events).last == "after" })
        }
    }

    @Test func `Where nothing is logged, events have no ids, and whoever resumes is told of a gap`() async throws {
        try await APITestNode.with(1, bus: MemoryBus(settings: BrokerSettings(delivery: .atMostOnce))) { nodes in
            let fresh = try await EventStreamClient.open(nodes[0], "?hub=chat")
            let reader = try await Self.resume(nodes[0], after: "1-1")
            #expect(await reader.events(1).map(\.name) == ["gap"])
            try await Self.push(nodes[0], "x")
            for client in [fresh, reader] {
                #expect(await eventually { Self.texts(client.events).last == "x" })
                #expect(client.lastID == nil)
            }
        }
    }

    // MARK: - What comes while the log is read

    private static func event(_ number: Int) -> ByteBuffer { ByteBuffer(string: "id: 1-\(number)\ndata: \(number)\n\n") }

    private static func numbers(_ buffers: [ByteBuffer]) -> [Int] {
        buffers.flatMap { String(buffer: $0).matches(of: /data: (\d+)/).compactMap { Int($0.1) } }
    }

    @Test func `Live events wait until the log has been read, and those that were in it are dropped, also if they come late`() {
        var replay = EventStreamReplay()
        for number in [3, 4, 5] { #expect(replay.live(Self.event(number), written: nil) == nil) }
        #expect(replay.live(ByteBuffer(string: "data: 0\n\n"), written: nil) == nil)
        #expect(replay.heldBytes == 3 * Self.event(1).readableBytes + 9)
        #expect(Self.numbers(replay.ended(at: Position(epoch: 1, number: 6)).map(\.events)) == [0])
        #expect(replay.heldBytes == 0 && !replay.isOver)
        #expect(replay.live(Self.event(6), written: nil)?.readableBytes == 0 && !replay.isOver)
        #expect(replay.live(Self.event(7), written: nil) == Self.event(7) && replay.isOver)
    }

    @Test func `Without a log they come when that is known, and a stream that ends keeps its last event`() {
        var replay = EventStreamReplay()
        for number in [1, 2] { _ = replay.live(Self.event(number), written: nil) }
        var ending = replay
        #expect(Self.numbers(replay.ended(at: nil).map(\.events)) == [1, 2] && replay.isOver)
        _ = ending.live(ByteBuffer(string: "event: close\ndata: 9\n\n"), written: nil)
        #expect(Self.numbers(ending.gaveUp().map(\.events)) == [9] && ending.isOver)
    }
}
