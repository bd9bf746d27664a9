import NIOCore
import Testing
import VolaryProtocol

/// The session of the toy protocol, without a node.
@Suite
struct NumberedSessionTests {
    private static let id = ConnectionID("a1b2c3d400000000000000000a0b0c0d")!

    private func session(user: String? = nil, subprotocol: String? = nil) -> any ClientSession {
        NumberedProtocol().makeSession(
            SessionFacts(id: Self.id, user: user.flatMap { AudienceName($0) }, path: "/ws", subprotocol: subprotocol)
        )
    }

    /// The steps of a message, in the way in which the node takes them.
    private func steps(_ text: String, _ session: any ClientSession) throws -> [SessionStep] {
        var message = ClientMessage.text(ByteBuffer(string: text))
        var steps: [SessionStep] = []
        var before: Int
        repeat {
            before = message.byteCount
            steps.append(try session.next(in: &message))
        } while message.byteCount > 0 && message.byteCount < before
        return steps
    }

    private static func action(_ number: UInt64, _ text: String) -> SessionStep {
        .action(ClientAction(.message(.text(ByteBuffer(string: text))), ackID: .number(number)))
    }

    private static func reply(_ text: String) -> SessionStep { .reply(.text(ByteBuffer(string: text))) }

    @Test func `Each line of a message is a step, in order`() throws {
        let steps = try self.steps("1 a\n\n?\n2 b c\n", self.session())
        #expect(steps == [Self.action(1, "a"), .nothing, Self.reply("you \(Self.id) - /ws -"), Self.action(2, "b c")])
        #expect(try self.steps("", self.session()) == [.nothing])
    }

    @Test func `A session knows its connection, user, path and subprotocol`() throws {
        let session = self.session(user: "alice", subprotocol: "numbered.toy.v1")
        #expect(try self.steps("?", session) == [Self.reply("you \(Self.id) alice /ws numbered.toy.v1")])
    }

    @Test(arguments: [("bye", NumberedSession.goodbye), ("x", NumberedSession.malformed), ("-1 x", NumberedSession.malformed)])
    func `A session ends the connection with a code and a reason, and has a last message for them`(
        line: String,
        end: ProtocolViolation
    ) {
        let session = self.session()
        #expect(throws: end) { try self.steps(line, session) }
        let last = session.encode(.closing(end.closeCode, reason: end.reason))
        #expect(last == .text(ByteBuffer(string: "bye \(end.closeCode.rawValue) \(end.reason)")))
    }

    @Test func `Results carry the client's number`() {
        let session = self.session()
        #expect(
            session.encode(.result(.success(()), ackID: .number(7), timestamp: 0)) == .text(ByteBuffer(string: "ok 7"))
        )
        #expect(
            session.encode(.result(.failure(.busy), ackID: .number(7), timestamp: 0)) == .text(ByteBuffer(string: "no 7"))
        )
        #expect(session.encode(.result(.failure(.busy), ackID: nil, timestamp: 0)) == nil)
    }
}
