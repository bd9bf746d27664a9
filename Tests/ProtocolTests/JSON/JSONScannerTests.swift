import NIOCore
import Testing

@testable import VolaryProtocol

/// Reading JSON by bytes.
@Suite
struct JSONScannerTests {
    @Test(arguments: [
        #"{}"#, #" [ ] "#, #""""#, #"null"#, #"true"#, #"false"#, #"0"#, #"-0"#, #"-12.50e+3"#, #"1E9"#,
        #"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}"#,
        "\t{\r\n\"a\" : [ 1 , \"\\u00e4\\ud83d\\ude00\\n\\/\" ] }\n", #"{"ä":1,"a":2}"#, #"{"":1," ":2}"#,
    ])
    func `Well-formed texts pass`(text: String) {
        #expect(self.fault(in: ByteBuffer(string: text)) == nil)
        #expect(self.skipFault(in: ByteBuffer(string: text)) == nil)
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
        #expect(self.skipFault(in: ByteBuffer(string: text)) == .malformed)
    }

    @Test
    func `A name stands once in an object, however it is spelt; names are told apart by their bytes`() {
        for (text, name) in [
            (#"{"a":1,"a":1}"#, "a"), (#"{"ab":1,"\u0061b":1}"#, "ab"), (#"{"x":[{"y":{"\"":1,"\u0022":1}}]}"#, "\""),
        ] {
            #expect(self.fault(in: ByteBuffer(string: text)) == .duplicate(UTF8Text(name)))
            // A caller that skips a value does not store its names.
            #expect(self.skipFault(in: ByteBuffer(string: text)) == nil)
        }
        #expect(self.fault(in: ByteBuffer(string: "{\"e\u{301}\":1,\"\u{e9}\":1}")) == nil)
    }

    @Test
    func `Depth has its bound`() {
        func nested(_ depth: Int, _ first: String, _ last: String) -> ByteBuffer {
            ByteBuffer(string: String(repeating: first, count: depth) + "1" + String(repeating: last, count: depth))
        }
        for (first, last) in [("[", "]"), (#"{"a":"#, "}"), ("[[],", "]")] {
            #expect(self.fault(in: nested(JSONScanner.maximumDepth - 1, first, last)) == nil)
            #expect(self.fault(in: nested(JSONScanner.maximumDepth + 1, first, last)) == .tooDeep)
            #expect(self.skipFault(in: nested(JSONScanner.maximumDepth + 1, first, last)) == .tooDeep)
        }
    }

    @Test
    func `Other encodings are told apart from bad JSON`() {
        #expect(self.fault(in: ByteBuffer(bytes: [0x22, 0xC0, 0x80, 0x22])) == .notUTF8)
        #expect(self.fault(in: ByteBuffer(bytes: [0x22, 0xFF, 0x22])) == .notUTF8)
    }

    @Test
    func `Values are what they say`() throws {
        let text = #" { "a" : [ null , true , false , -12.5e1 , "\"\u20ac\ud83d\ude00\n" ] , "\u0062" : { } , "c" : 1e999 } "#
        #expect(
            try JSONValue(parsing: ByteBuffer(string: text))
                == .object([
                    .init(name: "a", value: .list([.null, .boolean(true), .boolean(false), .number(-125), .text("\"€😀\n")])),
                    .init(name: "b", value: .object([])), .init(name: "c", value: .number(.infinity)),
                ])
        )
        let object = try JSONValue(parsing: ByteBuffer(string: "{\"e\u{301}\":1,\"\u{e9}\":2,\"n\":null}"))
        #expect(object["e\u{301}"] == .number(1) && object["\u{e9}"] == .number(2))
        #expect(object["n"] == nil && object["x"] == nil && JSONValue.text("a")["a"] == nil)
    }

    /// With a reader that keeps the whole value.
    private func fault(in body: ByteBuffer) -> JSONScanner.Fault? {
        do throws(JSONScanner.Fault) {
            _ = try JSONValue(parsing: body)
            return nil
        } catch {
            return error
        }
    }

    /// With a reader that skips the value.
    private func skipFault(in body: ByteBuffer) -> JSONScanner.Fault? {
        do throws(JSONScanner.Fault) {
            try JSONScanner.scan(body) { scanner throws(JSONScanner.Fault) in try scanner.skip() }
            return nil
        } catch {
            return error
        }
    }
}
