import TestSupport
import Testing

@testable import VolaryNode

/// Replies that one turn does not send: over a real socket, because only there they take turns.
@Suite(.timeLimit(.minutes(5)))
struct LongReplyTests {
    /// Six bytes for each in JSON: 5.4 MB.
    private static let long = String(repeating: "\u{1}", count: 900_000)

    private static func with(_ body: (RunningNode) async throws -> Void) async throws {
        let node = try await RunningNode.start([:])
        do { try await body(node) } catch {
            try await node.stop()
            throw error
        }
        try await node.stop()
    }

    private static func frames(_ texts: [String]) -> [UInt8] { texts.flatMap { ClientFrame.text($0) } }

    @Test func `What is published while a long reply is sent comes whole, before or behind it`() async throws {
        try await Self.with { node in
            let (client, other) = (try await TestClient.open(port: node.port), try await TestClient.open(port: node.port))
            client.write(Self.frames([Self.long]))
            let numbers = (0..<50).map { "\($0)" }
            other.write(Self.frames(numbers))
            #expect(await eventually { client.messages().count == 51 })
            #expect(client.messages("echo") == [Self.long])
            #expect(client.messages().filter { $0 != Self.long } == numbers)
            #expect(other.messages().filter { $0 != Self.long } == numbers)
            for one in [client, other] { await one.close() }
        }
    }
}
