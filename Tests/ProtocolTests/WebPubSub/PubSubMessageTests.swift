import Foundation
import NIOCore
import TestSupport
import Testing

@testable import VolaryProtocol

/// Messages to clients of the JSON subprotocols.
@Suite
struct PubSubMessageTests {
    private static let ann = UTF8Text("ann")

    // MARK: - Shapes

    private static let messages: [(PubSubMessage, String)] = [
        (
            PubSubMessage(from: .group(PubSub.group("lobby"), user: ann), PubSub.payload(.text, "hi")),
            #"{"type":"message","from":"group","group":"lobby","fromUserId":"ann","dataType":"text","data":"hi"}"#
        ),
        (
            PubSubMessage(from: .group(PubSub.group("lobby"), user: nil), PubSub.payload(.json, "[1, 2.0]")),
            #"{"type":"message","from":"group","group":"lobby","dataType":"json","data":[1, 2.0]}"#
        ),
        (
            PubSubMessage(from: .server, PubSub.payload(.json, #"{"id":7}"#)),
            #"{"type":"message","from":"server","dataType":"json","data":{"id":7}}"#
        ),
        (
            PubSubMessage(from: .server, TypedPayload(.binary, ByteBuffer(bytes: [0, 255]))),
            #"{"type":"message","from":"server","dataType":"binary","data":"AP8="}"#
        ),
        (
            PubSubMessage(from: .server, TypedPayload(.protobuf, ByteBuffer(bytes: [10, 1]))),
            #"{"type":"message","from":"server","dataType":"protobuf","data":"CgE="}"#
        ),
        (
            PubSubMessage(from: .server, PubSub.payload(.text, ""), metadata: PubSub.metadata(("Trace", "a\"1"), ("b", ""))),
            #"{"type":"message","from":"server","dataType":"text","data":"","metadata":{"Trace":"a\"1","b":""}}"#
        ),
        (
            PubSubMessage(
                from: .group(PubSub.group("a\"b\\\t"), user: UTF8Text("\u{1}")),
                PubSub.payload(.text, "x\"\\\n\u{1}ä")
            ),
            #"{"type":"message","from":"group","group":"a\"b\\\t","fromUserId":"\u0001","dataType":"text","data":"x\"\\\n\u0001ä"}"#
        ),
    ]

    @Test(arguments: messages) func `A message has the shape of the service`(message: PubSubMessage, text: String) {
        #expect(String(buffer: message.encoded()) == text)
    }

    @Test(arguments: messages) func `The shared part of a message for reliable clients ends before its number`(
        message: PubSubMessage,
        text: String
    ) {
        #expect(String(buffer: message.encoded(isNumbered: true)) == #"\#(text.dropLast()),"sequenceId":"#)
    }

    @Test(arguments: [
        (UInt64(0), "                   0}"), (7, "                   7}"), (10, "                  10}"),
        (1_000_000_007, "          1000000007}"), (.max, "18446744073709551615}"),
    ])
    func `The number at the end has a fixed width`(number: UInt64, text: String) {
        #expect(Self.tail(number) == text)
    }

    private static func tail(_ number: UInt64) -> String {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: SequenceTail.byteCount, alignment: 1)
        defer { memory.deallocate() }
        var span = OutputRawSpan(buffer: memory, initializedCount: 0)
        SequenceTail.write(number, to: &span)
        let written = span.finalize(for: memory)
        return String(decoding: memory.prefix(written), as: UTF8.self)
    }

    private struct Numbered: Decodable, Equatable {
        let type: String
        let data: String
        let sequenceId: UInt64
    }

    @Test func `Shared part and number are one JSON object`() throws {
        for number: UInt64 in [1, 999, 18_446_744_073_709_551_615] {
            let shared = PubSubMessage(from: .server, PubSub.payload(.text, "x")).encoded(isNumbered: true)
            let json = String(buffer: shared) + Self.tail(number)
            let decoded = try JSONDecoder().decode(Numbered.self, from: Data(json.utf8))
            #expect(decoded == Numbered(type: "message", data: "x", sequenceId: number))
        }
    }

    private struct Decoded: Decodable, Equatable {
        let group: String
        let fromUserId: String
        let data: String
        let metadata: [String: String]
    }

    @Test func `Awkward names and random texts come back from a JSON decoder`() throws {
        var random = SplitMix64()
        for name in AwkwardNames.all.filter({ AudienceName(pubSubGroup: UTF8Text($0)) != nil }) {
            var scalars = String.UnicodeScalarView()
            for _ in 0..<20 { scalars.append(Unicode.Scalar(UInt32.random(in: 0..<0x3000, using: &random)) ?? "x") }
            let text = String(scalars)
            let message = PubSubMessage(
                from: .group(PubSub.group(name), user: UTF8Text(name)),
                PubSub.payload(.text, text),
                metadata: PubSub.metadata(("a", "\"\\ b"))
            )
            let decoded = try JSONDecoder().decode(Decoded.self, from: Data(String(buffer: message.encoded()).utf8))
            #expect(UTF8Text(decoded.group) == UTF8Text(name) && UTF8Text(decoded.fromUserId) == UTF8Text(name))
            #expect(UTF8Text(decoded.data) == UTF8Text(text) && decoded.metadata == ["a": "\"\\ b"])
        }
    }

    // MARK: - Acknowledgments and system messages

    private static let failure = #"{"type":"ack","ackId":2,"success":false,"error":"#

    private static let acknowledgments: [(AckMessage.Failure?, String)] = [
        (nil, #"{"type":"ack","ackId":2,"success":true}"#),
        (
            .duplicate,
            #"\#(failure){"name":"Duplicate","message":"Message with ack-id: 2 has been processed"}}"#
        ),
        (
            .forbidden(.join(PubSub.group("a"))),
            #"\#(failure){"name":"Forbidden","message":"The client does not have permission to join group 'a'."}}"#
        ),
        (
            .forbidden(.leave(PubSub.group("\"a"))),
            #"\#(failure){"name":"Forbidden","message":"The client does not have permission to leave group '\"a'."}}"#
        ),
        (
            .forbidden(.send(PubSub.group("a"))),
            #"\#(failure){"name":"Forbidden","message":"The client does not have permission to send to group 'a'."}}"#
        ),
        (.forbidden(.action), #"\#(failure){"name":"Forbidden","message":"The client does not have permission."}}"#),
        (.internalError, #"\#(failure){"name":"InternalServerError","message":"Internal server error"}}"#),
        (
            .overQuota,
            #"\#(failure){"name":"QuotaExceeded","message":"The hub is over its quota"}}"#
        ),
        (.timeout, #"\#(failure){"name":"Timeout","message":"The message was not confirmed in time"}}"#),
    ]

    @Test(arguments: acknowledgments) func `An acknowledgment has the shape of the service`(
        failure: AckMessage.Failure?,
        text: String
    ) {
        #expect(String(buffer: AckMessage(ackID: 2, failure: failure).encoded) == text)
    }

    @Test func `An acknowledgment has the client's number, however large`() {
        let text = String(buffer: AckMessage(ackID: .max, failure: .duplicate).encoded)
        #expect(text.contains(#""ackId":18446744073709551615,"#) && text.contains("ack-id: 18446744073709551615 has"))
    }

    private static let system: [(SystemMessage, String)] = [
        (
            .connected(PubSub.id, user: ann, reconnectionToken: nil),
            #"{"type":"system","event":"connected","userId":"ann","connectionId":"a1b2c3d400000000000000000a0b0c0d"}"#
        ),
        (
            .connected(PubSub.id, user: nil, reconnectionToken: "t.o-k_en"),
            #"{"type":"system","event":"connected","userId":null,"connectionId":"a1b2c3d400000000000000000a0b0c0d","reconnectionToken":"t.o-k_en"}"#
        ),
        (
            .connected(PubSub.id, user: "\"\u{1}", reconnectionToken: nil),
            #"{"type":"system","event":"connected","userId":"\"\u0001","connectionId":"a1b2c3d400000000000000000a0b0c0d"}"#
        ),
        (.disconnected(message: "a \"b\""), #"{"type":"system","event":"disconnected","message":"a \"b\""}"#),
        (.disconnected(message: ""), #"{"type":"system","event":"disconnected","message":""}"#),
        (.pong, #"{"type":"pong"}"#),
    ]

    @Test(arguments: system) func `A system message has the shape of the service`(message: SystemMessage, text: String) {
        #expect(String(buffer: message.encoded) == text)
    }

    @Test func `A close by REST has a text, with the caller's reason`() {
        #expect(PubSubCloseText.closedByApplication(reason: nil) == "Application server closed the connection.")
        #expect(PubSubCloseText.closedByApplication(reason: "") == "Application server closed the connection.")
        #expect(PubSubCloseText.closedByApplication(reason: "x") == "Application server closed the connection. Reason: x")
        #expect(PubSubCloseText.cannotRecover == "The connection could not be recovered.")
    }
}
