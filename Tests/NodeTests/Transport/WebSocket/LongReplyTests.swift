import TestSupport
import Testing

@testable import VolaryNode

/// Replies that one turn does not send: over a real socket, because only there they take turns.
@Suite(.timeLimit(.minutes(5)))
struct LongReplyTests {
    /// Six bytes for each in JSON: 5.4 MB.
    private static let long = String(repeating: "\u{1}", count: 900_000)

    private static func with(
        _ options: [ConfigurationOption: String] = [:],
        _ body: (RunningNode) async throws -> Void
    ) async throws {
        let node = try await RunningNode.start(options)
        do { try await body(node) } catch {
            try await node.stop()
            throw error
        }
        try await node.stop()
    }

    private static func frames(_ texts: [String]) -> [UInt8] { texts.flatMap { ClientFrame.text($0) } }

    @Test func `What is published while a long reply is sent comes whole, before or behind it`() async throws {
        // The reply, the client's own message and others wait together if the client's half of this process is slow.
        try await Self.with([.maximumUnsent: "16MiB"]) { node in
            let (client, other) = (try await TestClient.open(port: node.port), try await TestClient.open(port: node.port))
            client.write(Self.frames([Self.long]))
            let numbers = (0..<50).map { "\($0)" }
            other.write(Self.frames(numbers))
            // Each has the answers to its own messages, and all 51 messages.
            #expect(await eventually { client.frames.count == 52 && other.frames.count == 101 })
            #expect(client.messages("echo") == [Self.long])
            #expect(client.messages().filter { $0 != Self.long } == numbers)
            #expect(other.messages().filter { $0 != Self.long } == numbers)
            for one in [client, other] { await one.close() }
        }
    }

    /// The limit allows a single message above it, and a reply is one, although its transport had collected it.
    @Test func `A long reply that waits does not close its connection when a message is published`() async throws {
        try await Self.with { node in
            let client = try await TestClient.open(port: node.port, receiveBuffer: 4096)
            let other = try await TestClient.open(port: node.port)
            try await client.stopReading()
            client.write(Self.frames([Self.long]))
            #expect(await eventually { other.frames.count == 1 })
            try await client.resumeReading()
            #expect(await eventually { client.frames.count == 2 })
            #expect(!client.isClosed)
            #expect(client.messages("echo") == [Self.long])
            #expect(client.messages() == [Self.long])
            for one in [client, other] { await one.close() }
        }
    }
}
