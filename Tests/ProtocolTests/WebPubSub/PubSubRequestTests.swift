import NIOCore
import Testing
import VolaryProtocol

/// Messages of clients that are well-formed.
@Suite
struct PubSubRequestTests {
    private func parse(_ text: String) throws(ProtocolViolation) -> PubSubRequest {
        try PubSubRequest(parsing: ByteBuffer(string: text))
    }

    private static let lobby = PubSub.group("lobby")

    private static func send(_ payload: TypedPayload, _ metadata: MessageMetadata = MessageMetadata()) -> PubSubRequest {
        .sendToGroup(GroupSend(to: self.lobby, payload, metadata: metadata), ackID: nil)
    }

    private static func event(_ name: UTF8Text, _ payload: TypedPayload, ackID: UInt64? = nil) -> PubSubRequest {
        .event(ClientEvent(EventName(name)!, payload), ackID: ackID)
    }

    // MARK: - Types

    private static let types: [(String, PubSubRequest)] = [
        (#"{"type":"joinGroup","group":"lobby","ackId":1}"#, .joinGroup(lobby, ackID: 1)),
        (#"{"type":"joinGroup","group":"lobby"}"#, .joinGroup(lobby, ackID: nil)),
        (#"{"type":"leaveGroup","group":"lobby","ackId":18446744073709551615}"#, .leaveGroup(lobby, ackID: .max)),
        (#"{"type":"leaveGroup","group":"lobby","ackId":null}"#, .leaveGroup(lobby, ackID: nil)),
        (
            #"{"type":"sendToGroup","group":"lobby","dataType":"text","data":"hi","noEcho":true,"ackId":2}"#,
            .sendToGroup(GroupSend(to: lobby, PubSub.payload(.text, "hi"), excludesSender: true), ackID: 2)
        ),
        (
            #"{"type":"event","event":"order.placed","dataType":"json","data":{"id":7},"ackId":3}"#,
            event("order.placed", PubSub.payload(.json, #"{"id":7}"#), ackID: 3)
        ),
        (#"{"type":"ping"}"#, .ping),
        (#"{"type":"sequenceAck","sequenceId":41}"#, .sequenceAck(41)),
        (#"{"type":"sequenceAck","sequenceId":0}"#, .sequenceAck(0)),
        (#"{"type":"sequenceAck","sequenceId":18446744073709551615}"#, .sequenceAck(.max)),
    ]

    @Test(arguments: types) func `Each type of message has its request`(text: String, request: PubSubRequest) throws {
        #expect(try self.parse(text) == request)
    }

    private static let sameMeaning: [(String, PubSubRequest)] = [
        (#"{"type":"JOINGROUP","group":"lobby"}"#, .joinGroup(lobby, ackID: nil)),
        (#"{"type":"sequenceack","sequenceId":1}"#, .sequenceAck(1)),
        (#" { "ackId" : 7 ,"# + "\r\n\t" + #""group" : "lobby", "type" : "joinGroup" } "#, .joinGroup(lobby, ackID: 7)),
        (#"{"type":"joinGroup","group":"\u006Co\u0062by"}"#, .joinGroup(lobby, ackID: nil)),
        (#"{"t\u0079pe":"ping"}"#, .ping),
        // Unknown members, and members without a meaning for the type.
        (#"{"type":"ping","group":7,"x":{"a":1,"a":[]},"x":null}"#, .ping),
        (#"{"Type":"event","type":"ping"}"#, .ping),
        (
            #"{"type":"sendToGroup","group":"lobby","data":1,"dataType":null,"noEcho":null,"ackId":null,"metadata":null,"ttlSeconds":null}"#,
            send(PubSub.payload(.json, "1"))
        ),
        (#"{"type":"sendToGroup","group":"lobby","data":1,"noEcho":false,"ttlSeconds":0}"#, send(PubSub.payload(.json, "1"))),
    ]

    @Test(arguments: sameMeaning) func `The same message in other forms has the same request`(
        text: String,
        request: PubSubRequest
    ) throws {
        #expect(try self.parse(text) == request)
    }

    @Test func `A time to live has 1 to 300 seconds`() throws {
        for seconds in [1, 300] {
            let expected = GroupSend(to: Self.lobby, PubSub.payload(.json, "1"), timeToLive: .seconds(seconds))
            let text = #"{"type":"sendToGroup","group":"lobby","data":1,"ttlSeconds":\#(seconds)}"#
            #expect(try self.parse(text) == .sendToGroup(expected, ackID: nil))
        }
    }

    // MARK: - Data

    private static let data: [(String, TypedPayload)] = [
        (
            #""data":{"b":1.00,"a":[1E2,"\u00e4"], "n":12345678901234567890123}"#,
            PubSub.payload(.json, #"{"b":1.00,"a":[1E2,"\u00e4"], "n":12345678901234567890123}"#)
        ),
        (#""dataType":"json","data": "a\"b" "#, PubSub.payload(.json, #""a\"b""#)),
        (#""data":true"#, PubSub.payload(.json, "true")),
        (#""data":-0"#, PubSub.payload(.json, "-0")),
        (#""data":[]"#, PubSub.payload(.json, "[]")),
        (#""data":{"a":1,"a":2}"#, PubSub.payload(.json, #"{"a":1,"a":2}"#)),
        (#""dataType":"text","data":"a\n\u00e4\ud83d\ude00\u0000""#, PubSub.payload(.text, "a\n\u{e4}\u{1F600}\u{0}")),
        (#""dataType":"text","data":"""#, PubSub.payload(.text, "")),
        (#""dataType":"text","data":"äöü""#, PubSub.payload(.text, "äöü")),
        (#""dataType":"binary","data":"AP8=""#, TypedPayload(.binary, ByteBuffer(bytes: [0, 255]))),
        (#""dataType":"binary","data":"""#, PubSub.payload(.binary, "")),
        (#""dataType":"binary","data":"\u0041P8\u003d""#, TypedPayload(.binary, ByteBuffer(bytes: [0, 255]))),
        (#""dataType":"protobuf","data":"CgE=""#, TypedPayload(.protobuf, ByteBuffer(bytes: [10, 1]))),
    ]

    @Test(arguments: data) func `Data is read by its type; JSON stays as it was written`(
        members: String,
        payload: TypedPayload
    ) throws {
        #expect(try self.parse(#"{"type":"sendToGroup","group":"lobby",\#(members)}"#) == Self.send(payload))
        #expect(try self.parse(#"{\#(members),"event":"e","type":"event"}"#) == Self.event("e", payload))
    }

    @Test func `Data without escapes is part of the message, not a copy`() throws {
        let message = ByteBuffer(string: #"{"type":"sendToGroup","group":"g","dataType":"text","data":"hello"}"#)
        guard case .sendToGroup(let send, _) = try PubSubRequest(parsing: message) else { return #expect(Bool(false)) }
        let shared = send.payload.bytes.withUnsafeReadableBytes { part in
            message.withUnsafeReadableBytes { whole in
                part.baseAddress! >= whole.baseAddress! && part.baseAddress! < whole.baseAddress! + whole.count
            }
        }
        #expect(shared)
    }

    // MARK: - Metadata

    @Test func `Metadata keeps its order and the case of its keys`() throws {
        let metadata = PubSub.metadata(("Trace-Id", "a1"), ("b", ""), ("a", "x\ty"))
        let member = #""metadata":{"Trace-Id":"a1","b":"","\u0061":"x\ty"}"#
        #expect(
            try self.parse(#"{"type":"sendToGroup","group":"lobby","data":1,\#(member)}"#)
                == Self.send(PubSub.payload(.json, "1"), metadata)
        )
        #expect(
            try self.parse(#"{"type":"event","event":"e","data":1,\#(member)}"#)
                == .event(ClientEvent(EventName("e")!, PubSub.payload(.json, "1"), metadata: metadata), ackID: nil)
        )
    }

    @Test(arguments: ["", #","dataType":"json""#, #","dataType":"binary""#])
    func `Metadata without data is an empty text`(dataType: String) throws {
        let text = #"{"type":"sendToGroup","group":"lobby","metadata":{"a":"b"}\#(dataType)}"#
        #expect(try self.parse(text) == Self.send(PubSub.payload(.text, ""), PubSub.metadata(("a", "b"))))
    }

    // MARK: - Names

    private static let groups = [
        "a", " a ", "/a/b", "a.b.*", "*", "'\"", "e\u{301}", String(repeating: "x", count: 1024),
        String(repeating: "ä", count: 1024), String(repeating: "\u{1F600}", count: 512),
    ]

    @Test(arguments: groups) func `A group has any name of up to 1,024 UTF-16 code units`(name: String) throws {
        let text = #"{"type":"joinGroup","group":"\#(name.replacing("\"", with: "\\\""))"}"#
        #expect(try self.parse(text) == .joinGroup(PubSub.group(name), ackID: nil))
    }

    @Test(arguments: ["a", "Z", "order.placed", "a_b-c.9", String(repeating: "e", count: 128)])
    func `An event has a name of letters, digits, dots, dashes and underscores`(name: String) throws {
        #expect(
            try self.parse(#"{"type":"event","event":"\#(name)","data":1}"#)
                == Self.event(UTF8Text(name), PubSub.payload(.json, "1"))
        )
    }
}
