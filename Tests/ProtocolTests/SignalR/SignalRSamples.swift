import NIOCore

@testable import VolaryProtocol

/// Records in both encodings, with values in theirs.
enum SignalRSamples {
    static func bytes(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

    /// A text as a value of MessagePack.
    static func packed(_ json: String) -> ByteBuffer {
        guard let value = try? MessagePackJSON.messagePack(of: ByteBuffer(string: json)) else { return ByteBuffer() }
        return value
    }

    /// Every kind of record.
    static func records(_ value: (String) -> ByteBuffer) -> [SignalRRecord] {
        [
            .invocation(SignalRInvocation("Send", [])),
            .invocation(SignalRInvocation("Send", [value("1"), value(#"{"a":"b"}"#)])),
            .invocation(SignalRInvocation("Sum", [value("null")], id: "7", streamIDs: ["1", "2"])),
            .invocation(SignalRInvocation("Count", [value("10")], id: "s\"1", isStream: true)),
            .streamItem(id: "1", item: value("null")),
            .streamItem(id: "\u{1F600}", item: value("[1,2.5]")),
            .completion(id: "1", .void),
            .completion(id: "1", .result(value(#""x""#))),
            .completion(id: "1", .error("it \"failed\"")),
            .cancelInvocation(id: "1"),
            .ping,
            .close(error: nil, allowsReconnect: false),
            .close(error: "bye", allowsReconnect: true),
            .ack(0),
            .sequence(.max),
        ]
    }

    /// A record of MessagePack with its length.
    static func framed(_ content: [UInt8]) -> [UInt8] {
        precondition(content.count < 128)
        return [UInt8(content.count)] + content
    }
}
