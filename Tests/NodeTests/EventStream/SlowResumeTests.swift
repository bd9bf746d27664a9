import NIOConcurrencyHelpers
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// Readers that resume, of a history that takes long: because it is long, or because it is read slowly.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct SlowResumeTests {
    /// Six bytes for each in JSON: 2.4 MB, more than a node keeps for a client by default, but for a single message.
    private static let long = String(repeating: "\u{1}", count: 400_000)
    private static let numbers = (0..<5).map { "\($0)" }

    /// Runs `body` with a node, and with the position before everything that is sent there.
    private static func with(_ gate: HistoryGate, _ body: (APITestNode, String) async throws -> Void) async throws {
        let (bus, presence) = (MemoryBus(), MemoryPresence())
        // Tests of a slow machine must not last too long for a reader that does not read.
        try await APITestNode.with([.maximumUnsentAge: "5m"]) { id, eventLoop in
            NodeServer.ClusterServices(
                broker: GatedHistoryBroker(MemoryBroker(bus: bus, node: id, eventLoop: eventLoop), gate),
                store: MemoryPresenceStore(shared: presence),
                sessions: SessionService(bus.sessions)
            )
        } _: { node in
            let answer = try await node.http.request("POST", "/api/connections/broadcast", body: #"{"message": "first"}"#)
            try await body(node, try #require(answer.json["position"] as? String))
        }
    }

    /// Sends texts, and waits until they have come back.
    private static func send(_ texts: [String], by client: TestClient) async {
        let before = client.frames.count
        client.write(texts.flatMap { ClientFrame.text($0) })
        // An answer to each, and each as a message.
        #expect(await eventually { client.frames.count == before + 2 * texts.count })
    }

    private static func request(_ position: String) -> String {
        "GET /events HTTP/1.1\r\nHost: test\r\nLast-Event-ID: \(position)\r\n\r\n"
    }

    private static func ends(_ reader: RawTestClient, with text: String) async -> Bool {
        await eventually { reader.isEnded || String(decoding: reader.bytes.suffix(500), as: UTF8.self).contains(text) }
    }

    /// The bytes of control characters, and what else the events have.
    private static func texts(_ reader: RawTestClient) -> [String] {
        EventStreamClient(raw: reader).events.compactMap { event in
            event.data.firstMatch(of: /"message":"([^"]*)"/).map { $0.1.utf8.count > 1000 ? "long" : String($0.1) }
        }
    }

    @Test func `A reader whose history waits for it is not closed by what is sent meanwhile`() async throws {
        try await Self.with(HistoryGate(isOpen: true)) { node, position in
            let sender = try await TestClient.open(port: node.port)
            await Self.send([Self.long], by: sender)
            await Self.send([Self.long], by: sender)
            let reader = try await RawTestClient.connect(port: node.port, receiveBuffer: 4096)
            try await reader.send(Self.request(position))
            #expect(await eventually { !reader.bytes.isEmpty })
            try await reader.stopReading()
            for number in Self.numbers { await Self.send([number], by: sender) }
            try await reader.resumeReading()
            #expect(await Self.ends(reader, with: #""message":"4""#))
            #expect(!reader.isEnded)
            #expect(Self.texts(reader) == ["long", "long"] + Self.numbers)
            await sender.close()
        }
    }

    @Test func `A reader gets a long message and others that came while its history was read`() async throws {
        let gate = HistoryGate(isOpen: false)
        try await Self.with(gate) { node, position in
            let sender = try await TestClient.open(port: node.port)
            let reader = try await RawTestClient.connect(port: node.port)
            try await reader.send(Self.request(position))
            #expect(await eventually { !reader.bytes.isEmpty && gate.isReached })
            await Self.send([Self.long], by: sender)
            for number in Self.numbers { await Self.send([number], by: sender) }
            gate.open()
            #expect(await Self.ends(reader, with: #""message":"4""#))
            #expect(!reader.isEnded)
            #expect(Self.texts(reader) == ["long"] + Self.numbers)
            await sender.close()
        }
    }
}

/// Holds back readers of a history.
private final class HistoryGate: Sendable {
    private let state: NIOLockedValueBox<(isOpen: Bool, isReached: Bool)>

    init(isOpen: Bool) {
        self.state = NIOLockedValueBox((isOpen, false))
    }

    var isReached: Bool { self.state.withLockedValue { $0.isReached } }

    func open() { self.state.withLockedValue { $0.isOpen = true } }

    func pass() async {
        self.state.withLockedValue { $0.isReached = true }
        _ = await eventually { self.state.withLockedValue { $0.isOpen } }
    }
}

/// A broker on a memory bus whose history is behind a gate.
private final class GatedHistoryBroker: Broker {
    private let base: MemoryBroker
    private let gate: HistoryGate

    init(_ base: MemoryBroker, _ gate: HistoryGate) {
        (self.base, self.gate) = (base, gate)
    }

    func attach(_ receiver: any BrokerReceiver) { self.base.attach(receiver) }

    func publish(
        _ message: NodeMessage,
        to topic: Topic,
        completion: (@Sendable (Result<PublishOutcome, BrokerError>) -> Void)?
    ) {
        self.base.publish(message, to: topic, completion: completion)
    }

    func subscribe(to topic: Topic) async throws(BrokerError) { try await self.base.subscribe(to: topic) }

    func unsubscribe(from topic: Topic) async { await self.base.unsubscribe(from: topic) }

    func read(_ topics: Set<Topic>, after position: Position?, limit: Int) async throws(HistoryError) -> HistoryPage {
        if position != nil { await self.gate.pass() }
        return try await self.base.read(topics, after: position, limit: limit)
    }

    var health: BrokerHealth { self.base.health }

    func run() async throws { try await self.base.run() }
}
