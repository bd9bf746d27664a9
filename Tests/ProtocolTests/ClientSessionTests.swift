import NIOCore
import Testing
import VolaryProtocol

/// The client protocols without a transport: messages to actions, events and publications to messages.
@Suite
struct ClientSessionTests {
    private static let sender = ConnectionID("a1b2c3d400000000000000000a0b0c0d")!
    private static let welcome = WelcomeMessage(id: Self.sender, node: "n", user: nil, groups: [], timestamp: 0)

    private static let facts = SessionFacts(id: Self.sender, user: nil, path: "/ws", subprotocol: nil)

    private func text(_ message: ClientMessage?) -> String? {
        guard case .text(let text) = message else { return nil }
        return String(buffer: text)
    }

    private func publication(_ kind: Publication.Kind, _ dataType: Publication.DataType) -> Publication {
        Publication(
            id: PublicationID("00000000000000000000000000000001")!,
            kind: kind,
            sender: kind == .message ? Self.sender : nil,
            hub: .default,
            dataType: dataType,
            timestamp: 0,
            payload: ByteBuffer(string: "1")
        )
    }

    @Test(arguments: [ClientMessage.text(ByteBuffer(string: "x")), .binary(ByteBuffer(string: "x"))])
    func `A message of plain and echo is the message itself, and nobody waits for an acknowledgement`(
        message: ClientMessage
    ) throws {
        for session in [PlainProtocol().makeSession(Self.facts), EchoProtocol().makeSession(Self.facts)] {
            var rest = message
            #expect(try session.next(in: &rest) == .action(ClientAction(.message(message))))
            #expect(rest == message, "the session has used all of it")
        }
    }

    @Test func `Sessions that keep nothing are one object`() {
        let plain = PlainProtocol()
        #expect(plain.makeSession(Self.facts) === plain.makeSession(Self.facts))
        #expect(plain.tailBytes == 0)
    }

    private static let failures: [(ActionFailure, String?)] = [
        (ActionFailure.tooLarge, "it is too large for the cluster."),
        (.refused, "the cluster does not take it, and would not if you sent it again."),
        (.historyFull, "nobody is there to get it, and too much waits for those who are away. Try again later."),
        (.busy, "too much waits to be sent. Try again later."),
        (.unreachable, "the cluster cannot be reached. Try again later."), (.forbidden, nil),
    ]

    @Test(arguments: Self.failures)
    func `Plain clients are told of failures in words, but not that they may not`(failure: ActionFailure, reason: String?) {
        let told = self.text(PlainProtocol().encode(.result(.failure(failure), ackID: nil, timestamp: 0)))
        #expect(
            told
                == reason.map {
                    #"{"type":"system","message":"Your message was not delivered: \#($0)","timestamp":"1970-01-01T00:00:00Z"}"#
                }
        )
    }

    @Test func `Plain clients get an echo of texts only, and nothing of what succeeded`() {
        let plain = PlainProtocol()
        let bytes = ByteBuffer(string: "x")
        #expect(
            self.text(plain.encode(.echo(.text(bytes), from: Self.sender, timestamp: 0)))
                == #"{"type":"echo","from":"a1b2c3d4","message":"x","timestamp":"1970-01-01T00:00:00Z"}"#
        )
        #expect(plain.encode(.echo(.binary(bytes), from: Self.sender, timestamp: 0)) == nil)
        #expect(plain.encode(.result(.success(()), ackID: .number(1), timestamp: 0)) == nil)
        #expect(plain.encode(.ping) == nil)
        #expect(plain.encode(.closing(.normal, reason: "x")) == nil)
        #expect(self.text(plain.encode(.welcome(Self.welcome)))?.hasPrefix(#"{"type":"welcome","#) == true)
    }

    @Test func `Echo clients get back what they sent, and nothing else`() {
        let echo = EchoProtocol()
        for message in [ClientMessage.text(ByteBuffer(string: "x")), .binary(ByteBuffer(string: "x"))] {
            #expect(echo.encode(.echo(message, from: Self.sender, timestamp: 0)) == message)
        }
        for event in [
            ServerEvent.welcome(Self.welcome), .notice("x", timestamp: 0), .result(.success(()), ackID: nil, timestamp: 0),
            .ping, .closing(.normal, reason: "x"),
        ] {
            #expect(echo.encode(event) == nil)
        }
        #expect(echo.encode(self.publication(.message, .text)) == nil)
    }

    @Test func `Publications are JSON for plain clients, but for binary ones`() {
        let plain = PlainProtocol()
        let time = #""timestamp":"1970-01-01T00:00:00Z""#
        #expect(plain.encode(self.publication(.message, .binary)) == .binary(ByteBuffer(string: "1")))
        #expect(
            self.text(plain.encode(self.publication(.message, .text)))
                == #"{"type":"message","from":"a1b2c3d4","message":"1",\#(time)}"#
        )
        #expect(
            self.text(plain.encode(self.publication(.serverBroadcast, .json)))
                == #"{"type":"server-broadcast",\#(time),"id":"00000000000000000000000000000001","data":1}"#
        )
        #expect(
            self.text(PlainProtocol(precision: .milliseconds).encode(self.publication(.system, .text)))
                == #"{"type":"system","message":"1","timestamp":"1970-01-01T00:00:00.000Z"}"#
        )
    }

    @Test func `An action's id is a number or a text of at most 128 bytes, compared by bytes`() {
        #expect(AckID(UTF8Text(String(repeating: "é", count: 64))) != nil)
        #expect(AckID(UTF8Text(String(repeating: "é", count: 64) + "x")) == nil)
        #expect(AckID("1") != .number(1))
        #expect(AckID("\u{E9}") != AckID("e\u{301}"))
        #expect(AckID("s1") == AckID("s1"))
        #expect(MemoryLayout<AckID?>.size <= 17)
    }
}
