import Crypto
import Foundation
import NIOSSL
import TestSupport
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// Key files as editors and other systems write them.
@Suite
struct KeyFileFormsTests {
    /// What changes nothing of a text file's meaning.
    enum Form: CaseIterable, Sendable {
        case plain
        case byteOrderMark
        case carriageReturns
        case trailingSpaces
        case blankLines
        case all

        func of(_ text: String) -> String {
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            return switch self {
            case .plain: text
            case .byteOrderMark: "\u{FEFF}" + text
            case .carriageReturns: lines.joined(separator: "\r\n")
            case .trailingSpaces: lines.map { $0 + " \t" }.joined(separator: "\n")
            case .blankLines: "\n" + lines.joined(separator: "\n\n") + "\n\n \n"
            case .all: "\u{FEFF}\r\n" + lines.map { $0 + "\t " }.joined(separator: "\r\n\r\n") + "\r\n"
            }
        }
    }

    private func load(_ flags: [ConfigurationOption: String]) throws -> NodeConfiguration {
        try ConfigurationLoader(flags: flags, environment: [:], file: nil).load()
    }

    private func isTaken(_ token: String, _ flags: [ConfigurationOption: String]) async throws -> Bool {
        let verifier = try #require(try self.load(flags).access.tokens(now: { 0 }))
        return (try? await verifier.verify(token)) != nil
    }

    private static let start = Date(timeIntervalSince1970: 0)
    private static let claims = TestClaims(sub: "alice", exp: 60)

    @Test(arguments: Form.allCases)
    func `Hashes of API keys`(form: Form) throws {
        let keys = ["correct-horse-battery", "another-key-of-the-api"]
        let lines = keys.map { key in SHA256.hash(data: Data(key.utf8)).map { String(format: "%02x", $0) }.joined() + " read" }
        let file = try TemporaryFile(form.of(lines.joined(separator: "\n")))
        let read = try #require(try self.load([.apiKeys: file.path]).access.apiKeys)
        for key in keys { #expect(APIKey.principal(for: key, in: read.content) != nil) }
    }

    @Test(arguments: Form.allCases)
    func `Secrets: spaces at their ends are no part of them`(form: Form) async throws {
        let file = try TemporaryFile(form.of("\(TestKeys.secret)\n\(TestKeys.otherSecret)"))
        for secret in [TestKeys.secret, TestKeys.otherSecret] {
            let token = try await TestKeys.sign(Self.claims, secret: secret)
            #expect(try await self.isTaken(token, [.jwtKey: file.path]))
        }
        // And a token that volary makes of the same file is taken.
        let request = TokenIssuer.Request(user: "alice", expiresIn: "1m")
        let minted = try await TokenIssuer.token(request, key: try OperatorFile.text(file.path), now: Self.start)
        #expect(try await self.isTaken(minted, [.jwtKey: file.path]))
    }

    @Test
    func `A space inside of a secret is refused: it could not be told from a slip`() {
        #expect(TokenKeyFile.parse(Data("0123456789abcdef 0123456789abcdef".utf8)) == nil)
    }

    @Test(arguments: Form.allCases)
    func `Public keys in PEM, and private ones for tokens to try`(form: Form) async throws {
        let file = try TemporaryFile(form.of(TestKeys.rsaPublic))
        let request = TokenIssuer.Request(user: "alice", expiresIn: "1m")
        let privateKey = try TemporaryFile(form.of(TestKeys.rsaPrivate))
        let token = try await TokenIssuer.token(request, key: try OperatorFile.text(privateKey.path), now: Self.start)
        #expect(try await self.isTaken(token, [.jwtKey: file.path]))
    }

    @Test(arguments: Form.allCases)
    func `Key sets`(form: Form) throws {
        let set = """
            {"keys": [{"kty": "EC", "crv": "P-256", "kid": "a",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}
            """
        let file = try TemporaryFile(form.of(set))
        #expect(try self.load([.jwks: file.path]).access.tokenKeys.flatMap(\.content.keys).map(\.id) == ["a"])
    }

    @Test(arguments: Form.allCases)
    func `Certificates, their keys, and the authorities of Redis`(form: Form) throws {
        let original = try TestCertificate()
        let (chain, key) = (
            try TemporaryFile(form.of(try String(contentsOfFile: original.certificate, encoding: .utf8))),
            try TemporaryFile(form.of(try String(contentsOfFile: original.key, encoding: .utf8)))
        )
        let configuration = try self.load([
            .tlsCertificate: chain.path, .tlsKey: key.path, .redis: "rediss://localhost", .redisAuthorities: chain.path,
        ])
        #expect(configuration.tls != nil)
        #expect(configuration.redis?.trustRootsFile == chain.path)
    }

    @Test
    func `UTF-16, as PowerShell writes it, is named`() throws {
        let file = try TemporaryFile("")
        try #require(TestKeys.secret.data(using: .utf16LittleEndian)).write(to: URL(fileURLWithPath: file.path))
        var withMark = Data([0xFF, 0xFE])
        withMark.append(try Data(contentsOf: URL(fileURLWithPath: file.path)))
        try withMark.write(to: URL(fileURLWithPath: file.path))
        let error = #expect(throws: ConfigurationError.self) { try self.load([.jwtKey: file.path]) }
        #expect(error?.allowed == "is UTF-16 text; save it as UTF-8")
    }
}
