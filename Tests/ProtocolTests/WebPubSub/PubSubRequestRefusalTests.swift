import NIOCore
import TestSupport
import Testing
import VolaryProtocol

/// Messages of clients that end the connection with 1007.
@Suite
struct PubSubRequestRefusalTests {
    private func fault(_ text: String) -> ProtocolViolation? {
        do throws(ProtocolViolation) {
            _ = try PubSubRequest(parsing: ByteBuffer(string: text))
            return nil
        } catch {
            return error
        }
    }

    /// A message to a group with these members, too.
    private static func send(_ members: String) -> String { #"{"type":"sendToGroup","group":"g",\#(members)}"# }

    private static func join(_ group: String) -> String { #"{"type":"joinGroup","group":"\#(group)"}"# }

    private static func event(_ name: String) -> String { #"{"type":"event","event":"\#(name)","data":1}"# }

    @Test func `A violation has the code and the reason of the service`() {
        #expect(ProtocolViolation.pubSubMalformed.closeCode == .invalidData)
        #expect(ProtocolViolation.pubSubMalformed.reason == "The client message is not a valid JSON protocol message.")
        #expect(ProtocolViolation.pubSubBinary.closeCode == .unsupportedData)
        #expect(ProtocolViolation.pubSubBinary.reason == "The JSON subprotocol requires text messages.")
    }

    @Test(arguments: [
        // Not JSON.
        "", " ", "ping", #"{"type":"ping""#, #"{"type":"ping"}}"#, #"{"type":"ping",}"#, #"{'type':'ping'}"#,
        "\u{FEFF}{\"type\":\"ping\"}",
        #"{"type":"ping","x":"\ud800"}"#, #"{"type":"ping","group":"\ud800"}"#, #"{"type":"ping","x":01}"#,
        // Not an object.
        "[]", #""ping""#, "1", "null", #"[{"type":"ping"}]"#,
        // No type, or an unknown one.
        "{}", #"{"type":null}"#, #"{"type":1}"#, #"{"type":"pings"}"#, #"{"type":""}"#, #"{"type":"invoke","invocationId":"1"}"#,
        #"{"type":"streamData","streamId":"1"}"#, #"{"Type":"ping"}"#, #"{"type":"pıng"}"#,
        // A member twice.
        #"{"type":"ping","type":"ping"}"#, #"{"type":"joinGroup","group":"a","\u0067roup":"a"}"#,
        #"{"type":"ping","ackId":1,"ackId":1}"#,
    ])
    func `What is not one object with a known type is refused`(text: String) {
        #expect(self.fault(text) == .pubSubMalformed)
    }

    @Test(arguments: [
        #"{"type":"joinGroup"}"#, #"{"type":"joinGroup","group":null}"#, #"{"type":"joinGroup","group":1}"#,
        #"{"type":"leaveGroup","group":["a"]}"#, #"{"type":"sendToGroup","data":1}"#, join(""), join(" "),
        join("\u{2003}\u{3000}"),
        join(#"a\nb"#), join(#"\u0000"#), join(String(repeating: "x", count: 1025)),
        join(String(repeating: "\u{1F600}", count: 512) + "x"),
        #"{"type":"event","data":1}"#, #"{"type":"event","event":null,"data":1}"#, event(""), event("1a"), event("a b"),
        event("ä"),
        event(String(repeating: "e", count: 129)),
    ])
    func `Names of groups and events have rules`(text: String) {
        #expect(self.fault(text) == .pubSubMalformed)
    }

    @Test(arguments: ["-1", "1.0", "1e2", "18446744073709551616", "99999999999999999999999", "\"1\"", "true", "[]", "{}"])
    func `Ids are whole numbers below two to the power of 64`(number: String) {
        #expect(self.fault(#"{"type":"joinGroup","group":"g","ackId":\#(number)}"#) == .pubSubMalformed)
        #expect(self.fault(#"{"type":"leaveGroup","group":"g","ackId":\#(number)}"#) == .pubSubMalformed)
        #expect(self.fault(Self.send(#""data":1,"ackId":\#(number)"#)) == .pubSubMalformed)
        #expect(self.fault(#"{"type":"event","event":"e","data":1,"ackId":\#(number)}"#) == .pubSubMalformed)
        #expect(self.fault(#"{"type":"sequenceAck","sequenceId":\#(number)}"#) == .pubSubMalformed)
    }

    @Test func `An acknowledgment has its number`() {
        #expect(self.fault(#"{"type":"sequenceAck"}"#) == .pubSubMalformed)
        #expect(self.fault(#"{"type":"sequenceAck","sequenceId":null}"#) == .pubSubMalformed)
    }

    @Test(arguments: [
        #""ackId":1"#, #""data":null"#, #""dataType":"json","data":null"#, #""dataType":"text""#, #""dataType":"text","data":1"#,
        #""dataType":"text","data":null"#, #""dataType":"text","data":{}"#, #""dataType":"binary","data":1"#,
        #""dataType":"binary","data":"A"#, #""dataType":"binary","data":"A""#, #""dataType":"binary","data":"AAA""#,
        #""dataType":"binary","data":"AA =""#, #""dataType":"binary","data":"A===""#, #""dataType":"binary","data":"AA=A""#,
        #""dataType":"binary","data":"AA-_""#, #""dataType":"protobuf","data":{}"#, #""dataType":"protobuf","data":"?""#,
        #""dataType":"Text","data":"a""#, #""dataType":"xml","data":"a""#, #""dataType":1,"data":"a""#,
        #""dataType":"","data":"a""#,
        #""metadata":{}"#, #""data":null,"metadata":{"a":"b"}"#,
    ])
    func `Data must be there, and of its type`(members: String) {
        #expect(self.fault(Self.send(members)) == .pubSubMalformed)
        #expect(self.fault(#"{"type":"event","event":"e",\#(members)}"#) == .pubSubMalformed)
    }

    @Test(arguments: [
        #""noEcho":"true""#, #""noEcho":1"#, #""noEcho":[]"#, #""ttlSeconds":301"#, #""ttlSeconds":-1"#, #""ttlSeconds":1.5"#,
        #""ttlSeconds":"1""#, #""ttlSeconds":1e1"#, #""ttlSeconds":18446744073709551616"#,
    ])
    func `Options of a message to a group have their types and ranges`(member: String) {
        #expect(self.fault(Self.send("\"data\":1,\(member)")) == .pubSubMalformed)
    }

    private static let long = String(repeating: "k", count: 257)

    @Test(arguments: [
        "[]", "\"a\"", #"{"a":1}"#, #"{"a":null}"#, #"{"a":{}}"#, #"{"":"b"}"#, #"{"a b":"c"}"#, #"{"a:":"c"}"#, #"{"ä":"c"}"#,
        #"{"a":"ä"}"#, #"{"a":"x\ny"}"#, #"{"a":"\u0000"}"#, #"{"a":"\u007f"}"#, #"{"a":"b","a":"b"}"#,
        #"{"a":"b","\u0061":"c"}"#,
        #"{"\#(long)":"a"}"#, #"{"a":"\#(String(repeating: "v", count: 1025))"}"#,
        "{" + (0..<8).map { #""\#($0)":"\#(String(repeating: "v", count: 1024))""# }.joined(separator: ",") + "}",
    ])
    func `Metadata is an object of texts for HTTP fields, within its limits`(metadata: String) {
        #expect(self.fault(Self.send(#""data":1,"metadata":\#(metadata)"#)) == .pubSubMalformed)
        #expect(self.fault(#"{"type":"event","event":"e","data":1,"metadata":\#(metadata)}"#) == .pubSubMalformed)
    }

    @Test func `Metadata at its limits is accepted`() {
        let values = (0..<7).map { #""\#($0)":"\#(String(repeating: "v", count: 1024))""# }
        let last = #""\#(String(repeating: "k", count: 256))":"\#(String(repeating: "v", count: 761))""#
        #expect(self.fault(Self.send(#""data":1,"metadata":{\#((values + [last]).joined(separator: ","))}"#)) == nil)
    }

    // MARK: - Hostile texts

    @Test func `Nesting has a bound, wherever it is`() {
        for name in ["x", "data", "group", "metadata"] {
            for (first, last) in [("[", "]"), (#"{"a":"#, "}")] {
                let deep = String(repeating: first, count: 100_000) + "1" + String(repeating: last, count: 100_000)
                #expect(self.fault(#"{"type":"event","event":"e","\#(name)":\#(deep)}"#) == .pubSubMalformed)
            }
        }
    }

    @Test(.timeLimit(.minutes(5)), arguments: ["\u{301}\u{323}", #"\u0301\u0323"#, "\\n", "a\\n"])
    func `A large message takes about the same time, whatever its text is`(unit: String) {
        let text = String(repeating: unit, count: 300_000 / unit.utf8.count)
        for member in [
            #""\#(text)":1"#, #""group":"\#(text)""#, #""data":"\#(text)","dataType":"text""#, #""dataType":"\#(text)""#,
        ] {
            #expect(self.fault(#"{"type":"ping",\#(member)}"#) == nil)
        }
        let keys = (0..<50_000).map { #""\#($0)":"a""# }.joined(separator: ",")
        #expect(self.fault(Self.send(#""data":1,"metadata":{\#(keys)}"#)) == .pubSubMalformed)
    }

    @Test func `Random changes of a message are refused or read, never more`() {
        var random = SplitMix64()
        let seed = Array(Self.send(#""dataType":"binary","data":"AAAA","ackId":7,"metadata":{"a":"b"},"noEcho":true"#).utf8)
        for _ in 0..<5000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = .random(in: 0...255, using: &random)
            }
            _ = try? PubSubRequest(parsing: ByteBuffer(bytes: bytes))
        }
    }
}
