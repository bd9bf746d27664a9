import Crypto
import Foundation
import Testing

@testable import VolaryNode

/// Keys of the REST API.
@Suite
struct APIKeyTests {
    private static let key = "correct-horse-battery"
    private static let other = "another-key-of-the-api"

    private static func hash(_ key: String) -> String {
        SHA256.hash(data: Data(key.utf8)).map { String(format: "%02x", $0) }.joined()
    }

    @Test func `A key is known by its hash, wherever it stands in the file`() throws {
        let file = "# keys\n\n\(Self.hash(Self.key)) read,send\n  \(Self.hash(Self.other).uppercased())\tmanage\r\n"
        let keys = try #require(APIKey.parse(Data(file.utf8)))
        let (first, last) = (APIKey.principal(for: Self.key, in: keys), APIKey.principal(for: Self.other, in: keys))
        #expect(first?.permissions == [.read, .send])
        #expect(last?.permissions == [.manage])
        #expect(first?.identity != last?.identity)
        #expect(first?.identity.contains(Self.key) == false)
    }

    @Test(arguments: ["", "correct-horse-batter", "correct-horse-battery ", "Correct-horse-battery", Self.hash(Self.key)])
    func `Anything else is no key, its hash neither`(text: String) throws {
        let keys = try #require(APIKey.parse(Data("\(Self.hash(Self.key)) read".utf8)))
        #expect(APIKey.principal(for: text, in: keys) == nil)
        #expect(APIKey.principal(for: text, in: []) == nil)
    }

    @Test(arguments: [
        "", "# none", "read", "\(Self.hash("a"))", "\(Self.hash("a")) ", "\(Self.hash("a")) all", "\(Self.hash("a")) read,",
        "\(Self.hash("a")) read send", "\(Self.hash("a").dropLast()) read", "\(Self.hash("a").dropLast())g read",
        "\(Self.hash("a"))0 read", "\(Self.hash("a")) READ", "\(Self.hash("a")) broadcast",
        "\(Self.hash("a")) read\ncorrect-horse-battery read",
        String(repeating: "\(Self.hash("a")) read\n", count: APIKey.maximumCount + 1),
    ])
    func `A file with anything else is bad as a whole`(text: String) {
        #expect(APIKey.parse(Data(text.utf8)) == nil)
    }

    @Test func `Random bytes are no file of keys`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<500 {
            let bytes = (0..<Int.random(in: 0...200, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(APIKey.parse(Data(bytes)) == nil)
        }
    }

    @Test(arguments: ["", "fifteen-letters", "with a blank in it", "ümlaut-is-not-ASCII", String(repeating: "x", count: 257)])
    func `A key that is short, long or not visible stops the start, and is not shown`(key: String) throws {
        let error = #expect(throws: ConfigurationError.self) {
            try ConfigurationLoader(flags: [.apiKey: key], environment: [:], file: nil).load()
        }
        #expect(error?.description == "--api-key: must be 16 to 256 visible ASCII characters")
    }

    @Test func `What is kept of a key is not the key`() throws {
        let key = try #require(APIKey(Self.key, permissions: [.read]))
        var dumped = ""
        dump(key, to: &dumped)
        #expect(!"\(key)\(dumped)".contains(Self.key))
        #expect(APIKey.principal(for: Self.key, in: [key])?.permissions == [.read])
    }
}
