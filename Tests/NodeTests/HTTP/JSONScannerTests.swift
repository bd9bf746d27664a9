import NIOCore
import Testing

@testable import Node

@Suite("JSON that is read for one member")
struct JSONScannerTests {
    @Test(arguments: [
        #"{}"#, #" [ ] "#, #""""#, #"null"#, #"true"#, #"false"#, #"0"#, #"-0"#, #"-12.50e+3"#, #"1E9"#,
        #"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}"#,
        "\t{\r\n\"a\" : [ 1 , \"\\u00e4\\ud83d\\ude00\\n\\/\" ] }\n", #"{"ä":1,"a":2}"#, #"{"":1," ":2}"#,
    ])
    func `Well-formed texts pass`(text: String) {
        #expect(self.fault(in: ByteBuffer(string: text)) == nil)
    }

    @Test(arguments: [
        "", " ", "{", "}", "[", "]", "[1,]", "[,1]", "{,}", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{a:1}"#, #"{"a" 1}"#,
        #"{1:1}"#, "01", "-", "1.",
        ".5", "1e", "1e+", "+1", "0x1", "NaN", "tru", "nulll", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\u{1}\"", "\"a\nb\"", "1 2", "[1 2]", "[1}", "{\"a\":1]", "'a'", "\u{FEFF}{}", "// a\n1",
    ])
    func `Others do not`(text: String) {
        #expect(self.fault(in: ByteBuffer(string: text)) == .malformed)
    }

    @Test func `A name stands once in an object, however it is spelt`() {
        #expect(self.fault(in: ByteBuffer(string: #"{"a":1,"a":1}"#)) == .duplicate("a"))
        #expect(self.fault(in: ByteBuffer(string: #"{"ab":1,"\u0061b":1}"#)) == .duplicate("ab"))
        #expect(self.fault(in: ByteBuffer(string: #"{"x":[{"y":{"\"":1,"\u0022":1}}]}"#)) == .duplicate("x.y.\""))
        // The decoder's dictionary takes these two for one.
        #expect(self.fault(in: ByteBuffer(string: "{\"e\u{301}\":1,\"\u{e9}\":1}")) == .duplicate("é"))
    }

    @Test func `Depth and members have their bounds`() {
        func nested(_ depth: Int) -> ByteBuffer {
            ByteBuffer(string: String(repeating: "[", count: depth) + String(repeating: "]", count: depth))
        }
        #expect(self.fault(in: nested(JSONScanner.maximumDepth)) == nil)
        #expect(self.fault(in: nested(JSONScanner.maximumDepth + 1)) == .tooDeep)
        func members(_ count: Int) -> ByteBuffer {
            ByteBuffer(string: "[\((0..<count).map { _ in "{\"a\":0}" }.joined(separator: ","))]")
        }
        #expect(self.fault(in: members(JSONScanner.maximumMembers)) == nil)
        #expect(self.fault(in: members(JSONScanner.maximumMembers + 1)) == .tooManyMembers)
    }

    @Test func `Other encodings are told apart from bad JSON`() {
        #expect(self.fault(in: ByteBuffer(bytes: [0x22, 0xC0, 0x80, 0x22])) == .notUTF8)
        #expect(self.fault(in: ByteBuffer(bytes: [0x22, 0xFF, 0x22])) == .notUTF8)
    }

    @Test(arguments: [
        (#"{"message":"Hello"}"#, JSONScanner.Member.text("Hello")), (#"{"message":""}"#, .text("")),
        (#" { "a" : {"message":"inner"} , "message" : "\"\u20ac\ud83d\ude00\n" } "#, .text("\"€😀\n")),
        (#"{"m\u0065ssage":"Hello"}"#, .text("Hello")), (#"{"message":null}"#, .other), (#"{"message":{"message":"x"}}"#, .other),
        (#"{"message":["x"],"a":"b"}"#, .other), (#"{}"#, .missing), (#"{"a":{"message":"x"}}"#, .missing),
        (#"[{"message":"x"}]"#, .noObject), (#""message""#, .noObject),
    ])
    func `The member of the outermost object counts`(text: String, member: JSONScanner.Member) throws {
        #expect(try JSONScanner.member("message", of: ByteBuffer(string: text)) == member)
    }

    private func fault(in body: ByteBuffer) -> JSONScanner.Fault? {
        do throws(JSONScanner.Fault) {
            _ = try JSONScanner.member("a", of: body)
            return nil
        } catch {
            return error
        }
    }
}
