import NIOCore
import Testing

@testable import VolaryProtocol

@Suite
struct SignalRRecordTests {
    private static func content(_ framed: ByteBuffer, _ encoding: SignalREncoding) throws -> ByteBuffer? {
        var bytes = framed
        var splitter = SignalRRecordSplitter(maximumBytes: 32 * 1024)
        let content = try splitter.next(encoding, in: &bytes)
        #expect(bytes.readableBytes == 0)
        return content
    }

    @Test(arguments: SignalREncoding.allCases)
    func `Every record is read as it was written`(encoding: SignalREncoding) throws {
        let records = SignalRSamples.records(encoding == .json ? SignalRSamples.bytes : SignalRSamples.packed)
        for record in records {
            let content = try #require(try Self.content(encoding.encode(record), encoding))
            #expect(try encoding.record(content) == record)
        }
    }

    @Test func `JSON goes into text messages, and MessagePack into binary ones`() {
        #expect(SignalREncoding.json.message(.ping) == .text(ByteBuffer(string: "{\"type\":6}\u{1E}")))
        #expect(SignalREncoding.messagePack.message(.ping) == .binary(ByteBuffer(bytes: [0x02, 0x91, 0x06])))
    }

    @Test(
        arguments: [
            (
                .invocation(SignalRInvocation("m", [bytes("1"), bytes("[]")], id: "5")),
                #"{"type":1,"invocationId":"5","target":"m","arguments":[1,[]]}"#
            ),
            (.invocation(SignalRInvocation("m", [])), #"{"type":1,"target":"m","arguments":[]}"#),
            (.streamItem(id: "5", item: bytes("{}")), #"{"type":2,"invocationId":"5","item":{}}"#),
            (.completion(id: "5", .void), #"{"type":3,"invocationId":"5"}"#),
            (.completion(id: "5", .result(bytes("7"))), #"{"type":3,"invocationId":"5","result":7}"#),
            (.completion(id: "5", .error("no")), #"{"type":3,"invocationId":"5","error":"no"}"#),
            (.close(error: nil, allowsReconnect: false), #"{"type":7}"#),
            (.close(error: "e", allowsReconnect: true), #"{"type":7,"error":"e","allowReconnect":true}"#),
            (.ack(12), #"{"type":8,"sequenceId":12}"#), (.sequence(13), #"{"type":9,"sequenceId":13}"#),
        ] as [(SignalRRecord, String)]
    )
    func `Records of JSON have only members that every client knows`(record: SignalRRecord, json: String) {
        #expect(String(buffer: record.json) == json + "\u{1E}")
    }

    private static func bytes(_ text: String) -> ByteBuffer { SignalRSamples.bytes(text) }

    @Test(
        arguments: [
            (.invocation(SignalRInvocation("m", [packed("1")])), [0x96, 0x01, 0x80, 0xC0, 0xA1, 0x6D, 0x91, 0x01, 0x90]),
            (.streamItem(id: "5", item: packed("[]")), [0x94, 0x02, 0x80, 0xA1, 0x35, 0x90]),
            (.completion(id: "5", .error("n")), [0x95, 0x03, 0x80, 0xA1, 0x35, 0x01, 0xA1, 0x6E]),
            (.completion(id: "5", .void), [0x94, 0x03, 0x80, 0xA1, 0x35, 0x02]),
            (.completion(id: "5", .result(packed("7"))), [0x95, 0x03, 0x80, 0xA1, 0x35, 0x03, 0x07]),
            (.cancelInvocation(id: "5"), [0x93, 0x05, 0x80, 0xA1, 0x35]), (.ping, [0x91, 0x06]),
            (.close(error: nil, allowsReconnect: true), [0x93, 0x07, 0xC0, 0xC3]), (.ack(3), [0x92, 0x08, 0x03]),
        ] as [(SignalRRecord, [UInt8])]
    )
    func `Records of MessagePack have all of their elements`(record: SignalRRecord, content: [UInt8]) {
        #expect(Array(record.messagePack.readableBytesView) == SignalRSamples.framed(content))
    }

    private static func packed(_ json: String) -> ByteBuffer { SignalRSamples.packed(json) }

    @Test func `Long records have their length in several bytes`() {
        let item = SignalRSamples.packed("\"\(String(repeating: "x", count: 200))\"")
        #expect(
            Array(SignalRRecord.streamItem(id: "5", item: item).messagePack.readableBytesView.prefix(3)) == [0xCF, 0x01, 0x94]
        )
    }

    @Test(
        arguments: [
            (#"{"arguments":[1],"target":"m","type":1}"#, .invocation(SignalRInvocation("m", [bytes("1")]))),
            (
                #" { "type" : 1 , "target" : "m" , "arguments" : [ 1 , "\u0061" ] } "#,
                .invocation(SignalRInvocation("m", [bytes("1"), bytes(#""\u0061""#)]))
            ),
            (
                #"{"type":1,"target":"m","arguments":[],"x":{"y":[{}]},"headers":{"a":"b"},"invocationId":null,"streamIds":null}"#,
                .invocation(SignalRInvocation("m", []))
            ),
            (#"{"type":1,"target":"m","arguments":[],"invocationId":""}"#, .invocation(SignalRInvocation("m", []))),
            (#"{"type":6,"type":3,"invocationId":"1","invocationId":"2"}"#, .completion(id: "2", .void)),
            (#"{"type":3,"invocationId":"1","error":null,"result":null}"#, .completion(id: "1", .result(bytes("null")))),
            (#"{"\u0074ype":6}"#, .ping), (#"{"type":7,"error":null}"#, .close(error: nil, allowsReconnect: false)),
            (#"{"type":7,"allowReconnect":null}"#, .close(error: nil, allowsReconnect: false)),
            (#"{"type":10}"#, nil), (#"{"type":0,"target":"x"}"#, nil), (#"{"type":18446744073709551615}"#, nil),
        ] as [(String, SignalRRecord?)]
    )
    func `Members of JSON may be in any order, unknown ones are skipped, and of doubles the last counts`(
        json: String,
        record: SignalRRecord?
    ) throws {
        #expect(try SignalREncoding.json.record(ByteBuffer(string: json)) == record)
    }

    @Test(
        arguments: [
            ([0x95, 0x01, 0x80, 0xC0, 0xA1, 0x6D, 0x90], .invocation(SignalRInvocation("m", []))),
            ([0x97, 0x01, 0x80, 0xA0, 0xA1, 0x6D, 0x90, 0x90, 0x93, 1, 2, 3], .invocation(SignalRInvocation("m", []))),
            (
                [0x96, 0x01, 0x81, 0xA1, 0x61, 0xA1, 0x62, 0xA1, 0x35, 0xA1, 0x6D, 0x90, 0xC0],
                .invocation(SignalRInvocation("m", [], id: "5"))
            ),
            // aiosignalr writes the byte of an empty map as a number.
            ([0x93, 0x05, 0xCC, 0x80, 0xA1, 0x35], .cancelInvocation(id: "5")),
            ([0x92, 0x07, 0xC0], .close(error: nil, allowsReconnect: false)), ([0xDC, 0x00, 0x01, 0x06], .ping),
            ([0xDD, 0, 0, 0, 1, 0xD3, 0, 0, 0, 0, 0, 0, 0, 6], .ping), ([0x91, 0x0A], nil), ([0x92, 0x00, 0x90], nil),
            ([0x91, 0xFF], nil),
        ] as [([UInt8], SignalRRecord?)]
    )
    func `Lists of MessagePack may be shorter or longer`(content: [UInt8], record: SignalRRecord?) throws {
        #expect(try SignalREncoding.messagePack.record(ByteBuffer(bytes: content)) == record)
    }

    // MARK: - Malformed records

    private static func isRefused(_ content: ByteBuffer, _ encoding: SignalREncoding) -> Bool {
        do throws(ProtocolViolation) {
            _ = try encoding.record(content)
            return false
        } catch {
            return error == .signalRMalformed
        }
    }

    @Test(arguments: [
        "", " ", "{", "{}", "[]", "1", "null", #"{"type":}"#, #"{"type":6}}"#, #"{"type":6,}"#, #"{'type':6}"#, #"{"type":"6"}"#,
        #"{"type":6.0}"#, #"{"type":6e0}"#, #"{"type":-6}"#, #"{"type":null}"#, #"{"type":true}"#, #"{"Type":6}"#,
        #"{"type":18446744073709551616}"#, "\u{FEFF}{\"type\":6}", #"{"type":6,"x":"\ud800"}"#, #"{"type":6,"x":01}"#,
        // Invocations.
        #"{"type":1}"#, #"{"type":1,"target":"m"}"#, #"{"type":1,"arguments":[]}"#, #"{"type":1,"target":"","arguments":[]}"#,
        #"{"type":1,"target":1,"arguments":[]}"#, #"{"type":1,"target":null,"arguments":[]}"#,
        #"{"type":1,"target":"m","arguments":{}}"#, #"{"type":1,"target":"m","arguments":null}"#,
        #"{"type":1,"target":"m","arguments":[],"invocationId":1}"#,
        #"{"type":1,"target":"m","arguments":[],"streamIds":["1",2]}"#,
        #"{"type":1,"target":"m","arguments":[],"streamIds":"1"}"#, #"{"type":1,"target":"m","arguments":[],"headers":[]}"#,
        #"{"type":4,"target":"m","arguments":[]}"#, #"{"type":4,"target":"m","arguments":[],"invocationId":""}"#,
        // Items, completions and the rest.
        #"{"type":2,"invocationId":"1"}"#, #"{"type":2,"item":1}"#, #"{"type":2,"invocationId":null,"item":1}"#,
        #"{"type":3}"#, #"{"type":3,"invocationId":"1","error":"e","result":1}"#,
        #"{"type":3,"invocationId":"1","error":"e","result":null}"#,
        #"{"type":3,"invocationId":"1","error":1}"#, #"{"type":5}"#, #"{"type":5,"invocationId":[]}"#,
        #"{"type":7,"error":{}}"#, #"{"type":7,"allowReconnect":"true"}"#, #"{"type":8}"#, #"{"type":9,"sequenceId":"1"}"#,
        #"{"type":9,"sequenceId":-1}"#,
    ])
    func `Malformed records of JSON are refused`(json: String) {
        #expect(Self.isRefused(ByteBuffer(string: json), .json))
    }

    @Test(
        arguments: [
            [], [0x90], [0x06], [0x80], [0xC0], [0x91], [0x91, 0xC0], [0x91, 0xA1, 0x36], [0x91, 0x06, 0x06], [0x92, 0x06],
            [0x91, 0xCA, 0, 0, 0, 0],
            // Too short.
            [0x94, 0x01, 0x80, 0xC0, 0xA1, 0x6D], [0x93, 0x02, 0x80, 0xA1, 0x35], [0x93, 0x03, 0x80, 0xA1, 0x35],
            [0x94, 0x03, 0x80, 0xA1, 0x35, 0x03],
            [0x94, 0x03, 0x80, 0xA1, 0x35, 0x01], [0x92, 0x05, 0x80], [0x91, 0x07], [0x91, 0x08],
            // Headers that are no map of texts.
            [0x93, 0x05, 0x00, 0xA1, 0x35], [0x93, 0x05, 0xCC, 0x81, 0xA1, 0x35], [0x93, 0x05, 0xC0, 0xA1, 0x35],
            [0x93, 0x05, 0x81, 0xA1, 0x61, 0x01, 0xA1, 0x35],
            // Types of elements.
            [0x95, 0x01, 0x80, 0x05, 0xA1, 0x6D, 0x90], [0x95, 0x01, 0x80, 0xC0, 0xC0, 0x90],
            [0x95, 0x01, 0x80, 0xC0, 0xA0, 0x90],
            [0x95, 0x01, 0x80, 0xC0, 0xA1, 0x6D, 0x80], [0x95, 0x04, 0x80, 0xC0, 0xA1, 0x6D, 0x90],
            [0x95, 0x04, 0x80, 0xA0, 0xA1, 0x6D, 0x90],
            [0x96, 0x01, 0x80, 0xC0, 0xA1, 0x6D, 0x90, 0x91, 0x01], [0x95, 0x01, 0x80, 0xC0, 0xA1, 0xFF, 0x90],
            [0x95, 0x03, 0x80, 0xA1, 0x35, 0x04, 0xC0],
            [0x95, 0x03, 0x80, 0xA1, 0x35, 0x01, 0xC0], [0x95, 0x03, 0x80, 0xA1, 0x35, 0xC0, 0xC0], [0x93, 0x07, 0xC0, 0x01],
            [0x92, 0x08, 0xFF],
            // Lengths that are not true.
            [0xDD, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], [0x95, 0x01, 0x80, 0xC0, 0xA1, 0x6D, 0xDD, 0xFF, 0xFF, 0xFF, 0xFF],
            [0x95, 0x01, 0xDF, 0xFF, 0xFF, 0xFF, 0xFF, 0xC0], [0x95, 0x01, 0x80, 0xC0, 0xDB, 0xFF, 0xFF, 0xFF, 0xFF, 0x90],
        ] as [[UInt8]]
    )
    func `Malformed records of MessagePack are refused`(content: [UInt8]) {
        #expect(Self.isRefused(ByteBuffer(bytes: content), .messagePack))
    }

    @Test func `Arguments, streams and nesting have bounds`() {
        for (count, isRefused) in [(255, false), (256, true)] {
            let ones = [String](repeating: "1", count: count).joined(separator: ",")
            #expect(Self.isRefused(ByteBuffer(string: #"{"type":1,"target":"m","arguments":[\#(ones)]}"#), .json) == isRefused)
            let packed: [UInt8] = [0x95, 0x01, 0x80, 0xC0, 0xA1, 0x6D, 0xDC] + [UInt8(count >> 8), UInt8(count & 0xFF)]
            #expect(Self.isRefused(ByteBuffer(bytes: packed + [UInt8](repeating: 1, count: count)), .messagePack) == isRefused)
        }
        for (count, isRefused) in [(100, false), (101, true)] {
            let ids = (0..<count).map { "\"\($0)\"" }.joined(separator: ",")
            let json = #"{"type":1,"target":"m","arguments":[],"streamIds":[\#(ids)]}"#
            #expect(Self.isRefused(ByteBuffer(string: json), .json) == isRefused)
            let packed: [UInt8] = [0x96, 0x01, 0x80, 0xC0, 0xA1, 0x6D, 0x90, 0xDC, 0, UInt8(count)]
            let texts = [[UInt8]](repeating: [0xA1, 0x61], count: count).flatMap(\.self)
            #expect(Self.isRefused(ByteBuffer(bytes: packed + texts), .messagePack) == isRefused)
        }
        for (first, last) in [("[", "]"), (#"{"a":"#, "}")] {
            let deep = String(repeating: first, count: 10_000) + "1" + String(repeating: last, count: 10_000)
            #expect(Self.isRefused(ByteBuffer(string: #"{"type":1,"target":"m","arguments":[\#(deep)]}"#), .json))
            #expect(Self.isRefused(ByteBuffer(string: #"{"type":6,"x":\#(deep)}"#), .json))
        }
        let deep: [UInt8] = [0x95, 0x01, 0x80, 0xC0, 0xA1, 0x6D, 0x91] + [UInt8](repeating: 0x91, count: 10_000) + [0xC0]
        #expect(Self.isRefused(ByteBuffer(bytes: deep), .messagePack))
    }

    @Test(.timeLimit(.minutes(5)))
    func `Names of a record are compared by bytes, in linear time`() throws {
        let text = String(repeating: "\u{301}\u{323}", count: 7000)
        #expect(try SignalREncoding.json.record(ByteBuffer(string: #"{"\#(text)":1,"type":6}"#)) == .ping)
        let call = SignalRInvocation(UTF8Text(text), [], id: UTF8Text(text))
        let json = #"{"type":1,"target":"\#(text)","arguments":[],"invocationId":"\#(text)"}"#
        #expect(try SignalREncoding.json.record(ByteBuffer(string: json)) == .invocation(call))
    }
}
