import Testing

@testable import VolaryProtocol

@Suite
struct ConnectionStringTests {
    private static let keyText = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
    private static let key = AccessKey(UTF8Text(keyText))!

    private func parse(_ text: String) throws(ConnectionString.Fault) -> ConnectionString {
        try ConnectionString(parsing: UTF8Text(text))
    }

    @Test(arguments: [
        "Endpoint=http://localhost:8080;AccessKey=\(keyText);Version=1.0;", "Endpoint=http://localhost:8080;AccessKey=\(keyText)",
        "accesskey=\(keyText);ENDPOINT=http://localhost:8080/", "Endpoint=http://localhost;Port=8080;AccessKey=\(keyText);",
        ";Endpoint=http://localhost/;AccessKey=\(keyText);port=8080;Version=2;AuthType=x;;",
    ])
    func `Keys are in any case and order`(text: String) throws {
        let parsed = try self.parse(text)
        #expect(parsed == ConnectionString(endpoint: "http://localhost:8080", accessKey: Self.key))
    }

    @Test func `What is printed is what the libraries read`() throws {
        let text = "Endpoint=http://localhost:8080;AccessKey=\(Self.keyText);Version=1.0;"
        #expect(try self.parse(text).text == text)
        #expect(!"\(try self.parse(text).accessKey)".contains(Self.keyText))
    }

    @Test func `A key may contain equals signs`() throws {
        let key = "\(Self.keyText)=="
        #expect(try self.parse("Endpoint=https://x;AccessKey=\(key)").accessKey.text == UTF8Text(key))
    }

    @Test(arguments: [
        ("", ConnectionString.Fault.accessKey), ("Endpoint=http://x", .accessKey), ("Endpoint=http://x;AccessKey=", .accessKey),
        ("Endpoint=http://x;AccessKey=short", .accessKey), ("AccessKey=\(keyText)", .endpoint),
        ("Endpoint=;AccessKey=\(keyText)", .endpoint), ("Endpoint=x:80;AccessKey=\(keyText)", .endpoint),
        ("Endpoint=ftp://x;AccessKey=\(keyText)", .endpoint), ("Endpoint=http://;AccessKey=\(keyText)", .endpoint),
        ("Endpoint=http:///x;AccessKey=\(keyText)", .endpoint), ("Endpoint=http://a b;AccessKey=\(keyText)", .endpoint),
        ("Endpoint=http://x;AccessKey=\(keyText);Port=0", .port), ("Endpoint=http://x;AccessKey=\(keyText);Port=65536", .port),
        ("Endpoint=http://x;AccessKey=\(keyText);Port=", .port), ("Endpoint=http://x;AccessKey=\(keyText);comment", .segment),
        ("Endpoint=http://x;AccessKey=\(keyText);accesskey=\(keyText)", .segment),
    ])
    func `Other texts are refused`(text: String, fault: ConnectionString.Fault) {
        #expect(throws: fault) { try self.parse(text) }
    }

    @Test(arguments: [
        String(repeating: "k", count: 31), " \(keyText)", "\(keyText) ", "\(keyText);\(keyText)", "\(keyText)\n\(keyText)",
        "\(keyText)\u{85}\(keyText)", "\(keyText)\u{2003}",
    ])
    func `A key has 32 bytes or more, without semicolons, control characters and spaces at its ends`(text: String) {
        #expect(AccessKey(UTF8Text(text)) == nil)
    }

    @Test(arguments: [String(repeating: "k", count: 32), String(repeating: "ä", count: 16), "\(keyText) \(keyText)"])
    func `Other keys are valid`(text: String) {
        #expect(AccessKey(UTF8Text(text))?.text == UTF8Text(text))
    }
}
