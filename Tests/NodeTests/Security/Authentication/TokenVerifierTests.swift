import Foundation
import JWTKit
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Whose signature a token has.
@Suite
struct TokenVerifierTests {
    private static let claims = TestClaims(sub: "alice", exp: 100)

    private static func encoded(_ text: String) -> String {
        Data(text.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    private func fault(_ token: String, _ keys: [TokenKey]) async throws -> TokenError? {
        let verifier = try TestKeys.verifier(keys)
        do throws(TokenError) {
            _ = try await verifier.verify(token)
            return nil
        } catch {
            return error
        }
    }

    private let secret = TokenKey(secret: Array(TestKeys.secret.utf8))

    @Test func `All three algorithms are taken, from keys in PEM and secrets`() async throws {
        let ec = ES256PrivateKey()
        let files = [
            (TestKeys.secret, TestKeys.secret), (TestKeys.rsaPrivate, TestKeys.rsaPublic),
            (ec.pemRepresentation, ec.publicKey.pemRepresentation),
        ]
        for (signing, verifying) in files {
            let token = try await TokenIssuer.token(
                .init(user: "alice"),
                key: Data(signing.utf8),
                now: Date(timeIntervalSince1970: 0)
            )
            for (_, other) in files {
                let keys = try #require(TokenKeyFile.parse(Data(other.utf8))).keys
                #expect(try await self.fault(token, keys) == (other == verifying ? nil : .signature))
            }
        }
    }

    @Test
    func `A token for trials has its claims where the node looks for them, and is refused if the node would not take all of it`()
        async throws
    {
        let rules = TokenClaims.Rules(
            user: try #require(ClaimPath("/user/id")),
            groups: try #require(ClaimPath("https://example.org/groups")),
            permissions: [try #require(ClaimPath("/user/may"))]
        )
        var request = TokenIssuer.Request(
            user: "auth0|7 \u{E9}",
            groups: ["/staff", "a b"],
            permissions: ["broadcast", "read"],
            userClaim: "/user/id",
            groupsClaim: "https://example.org/groups",
            permissionsClaim: "/user/may"
        )
        let key = Data(TestKeys.secret.utf8)
        let token = try await TokenIssuer.token(request, key: key, now: Date(timeIntervalSince1970: 0))
        let claims = try await TestKeys.verifier([self.secret], rules: rules).verify(token)
        #expect(claims.user.text == "auth0|7 \u{E9}" && claims.permissions == [.broadcast, .read])
        #expect(Set(claims.groups.map(\.text)) == ["/staff", "a b"])
        request.groups = (0..<65).map { "g\($0)" }
        await #expect(throws: TokenIssuer.Failure.self) { try await TokenIssuer.token(request, key: key) }
        request.groups = []
        request.groupsClaim = "/a~"
        await #expect(throws: TokenIssuer.Failure.self) { try await TokenIssuer.token(request, key: key) }
    }

    @Test func `Another secret is not the key, and a changed token not the one that was signed`() async throws {
        let token = try await TestKeys.sign(Self.claims)
        #expect(try await self.fault(token, [self.secret]) == nil)
        #expect(try await self.fault(token, [TokenKey(secret: Array(TestKeys.otherSecret.utf8))]) == .signature)
        #expect(try await self.fault(token, []) == .signature)
        let parts = token.split(separator: ".")
        let forged = Self.encoded(#"{"sub":"mallory","exp":100}"#)
        #expect(try await self.fault("\(parts[0]).\(forged).\(parts[2])", [self.secret]) == .signature)
        #expect(try await self.fault("\(parts[0]).\(parts[1]).", [self.secret]) == .signature)
    }

    @Test(arguments: ["none", "None", "NONE", "nOnE", "", "HS384", "hs256", "RS256"])
    func `What a token says of its algorithm never chooses one`(algorithm: String) async throws {
        let payload = Self.encoded(#"{"sub":"alice","exp":100}"#)
        let head = Self.encoded(#"{"alg":"\#(algorithm)","typ":"JWT"}"#)
        #expect(try await self.fault("\(head).\(payload).", [self.secret]) == .signature)
        // Signed well, with the header of another algorithm.
        let signed = try await TestKeys.sign(Self.claims, header: ["alg": .string(algorithm)])
        let parts = signed.split(separator: ".")
        #expect(try await self.fault("\(head).\(parts[1]).\(parts[2])", [self.secret]) == .signature)
    }

    @Test func `A public key is no secret`() async throws {
        let keys = try #require(TokenKeyFile.parse(Data(TestKeys.rsaPublic.utf8))).keys
        for secret in [TestKeys.rsaPublic, TestKeys.rsaPublic + "\n"] {
            let token = try await TestKeys.sign(Self.claims, secret: secret)
            #expect(try await self.fault(token, keys) == .signature)
        }
    }

    @Test func `A key set's keys are chosen by their ids`() async throws {
        let (old, new) = (ES256PrivateKey(), ES256PrivateKey())
        let file = try Self.keySet(["old": old, "new": new])
        let keys = try #require(TokenKeySet.parse(Data(file.utf8))).keys
        #expect(keys.count == 2)
        for (key, id, expected) in [
            (old, "old", nil), (new, "new", nil), (old, nil, nil), (old, "new", .signature), (new, "other", TokenError.signature),
        ] as [(ES256PrivateKey, String?, TokenError?)] {
            let signer = await JWTKeyCollection().add(ecdsa: key)
            let token = try await signer.sign(Self.claims, header: id.map { ["kid": .string($0)] } ?? [:])
            #expect(try await self.fault(token, keys) == expected, "\(id ?? "no id")")
        }
    }

    private static func keySet(_ keys: [String: ES256PrivateKey]) throws -> String {
        let entries = try keys.map { id, key in
            let (x, y) = try #require(key.publicKey.parameters)
            func url(_ text: String) -> String {
                text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
            }
            return #"{"kty":"EC","crv":"P-256","use":"sig","kid":"\#(id)","x":"\#(url(x))","y":"\#(url(y))"}"#
        }
        // Kinds and uses that are not ours are left out.
        let others = [
            #"{"kty":"oct","k":"AA"}"#, #"{"kty":"EC","crv":"P-256","use":"enc"}"#, #"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#,
        ]
        return #"{"keys":[\#((entries + others).joined(separator: ","))]}"#
    }

    @Test func `Extensions that must be understood are not`() async throws {
        let token = try await TestKeys.sign(Self.claims, header: ["crit": .array([.string("exp")])])
        #expect(try await self.fault(token, [self.secret]) == .extensions)
    }

    @Test func `A token has a bound`() async throws {
        var claims = Self.claims
        claims.iss = String(repeating: "x", count: TokenVerifier.maximumBytes)
        let token = try await TestKeys.sign(claims)
        #expect(try await self.fault(token, [self.secret]) == .malformed)
    }

    @Test(arguments: [
        "", ".", "..", "...", "a", "a.b", "a.b.c", "e30.e30.e30", "e30.e30.", "e30=.e30.e30", "ä.e30.e30", " .e30.e30",
        "e30.e30.e30.e30",
        "\n", "bnVsbA.e30.e30", "W10.W10.W10", "eyJhbGciOjF9.e30.e30",
    ])
    func `What is no token is refused as such`(text: String) async throws {
        #expect(try await self.fault(text, [self.secret]) == .malformed)
    }

    @Test func `Garbage is refused, whatever it is`() async throws {
        let good = Array(try await TestKeys.sign(Self.claims).utf8)
        let verifier = try TestKeys.verifier([self.secret])
        for _ in 0..<2000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4) {
                switch Int.random(in: 0..<3) {
                case 0: bytes[Int.random(in: bytes.indices)] = UInt8.random(in: 0...255)
                case 1: bytes.remove(at: Int.random(in: bytes.indices))
                default: bytes.insert(UInt8(ascii: "."), at: Int.random(in: bytes.indices))
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            // The last digit of the signature carries two bits that mean nothing.
            guard bytes != good, bytes.dropLast() != good.dropLast() else { continue }
            await #expect(throws: TokenError.self, "\(text)") { _ = try await verifier.verify(text) }
        }
    }

    // MARK: - Files

    @Test func `Several secrets and several keys may be good at a time`() async throws {
        let secrets = try #require(TokenKeyFile.parse(Data("\(TestKeys.secret)\r\n\n\(TestKeys.otherSecret)\n".utf8))).keys
        #expect(secrets.count == 2)
        for secret in [TestKeys.secret, TestKeys.otherSecret] {
            #expect(try await self.fault(try await TestKeys.sign(Self.claims, secret: secret), secrets) == nil)
        }
        let pair = TestKeys.rsaPublic + "\n" + ES256PrivateKey().publicKey.pemRepresentation
        #expect(TokenKeyFile.parse(Data(pair.utf8))?.keys.map(\.algorithm) == [.rs256, .es256])
    }

    @Test(arguments: [
        "", "\n", "too-short", String(repeating: "x", count: 31), "with a blank, and longer than 32 signs",
        TestKeys.secret + "\nshort",
        #"{"keys":[]}"#, TestKeys.rsaPrivate, TestKeys.smallRSAPublic,
        // A key set that has no line ends and no spaces, which everybody may have.
        #"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}"#, #"[{"kty":"RSA","n":"AQAB","e":"AQAB"}]"#,
        #"{"keys":[{"kty":"RSA","kid":"1","n":"A"#,
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n", "x-----BEGIN PUBLIC KEY-----", TestKeys.rsaPublic + "\n" + TestKeys.smallRSAPublic,
        String(repeating: TestKeys.secret + "\n", count: 17), "\u{0}" + TestKeys.secret,
    ])
    func `A file with anything but good keys is bad as a whole`(text: String) {
        #expect(TokenKeyFile.parse(Data(text.utf8)) == nil)
    }

    @Test(arguments: [
        "", "{}", "[]", #"{"keys":[]}"#, #"{"keys":[{"kty":"oct","k":"AA"}]}"#, #"{"keys":[{"kty":"RSA"}]}"#,
        #"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}"#, #"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}"#,
        #"{"keys":[{"kty":"EC","crv":"P-256","x":"!","y":"!"}]}"#, #"{"keys":[{}]}"#,
    ])
    func `A key set without a good key is bad`(text: String) {
        #expect(TokenKeySet.parse(Data(text.utf8)) == nil)
    }

    @Test func `A bad file stops the start, and later leaves the keys that were there`() async throws {
        let file = try TemporaryFile(TestKeys.secret)
        let configuration = try ConfigurationLoader(flags: [.jwtKey: file.path], environment: [:], file: nil).load()
        let tokens = configuration.access.tokens(now: { 0 })
        let verifier = try #require(tokens)
        let (old, new) = (
            try await TestKeys.sign(Self.claims), try await TestKeys.sign(Self.claims, secret: TestKeys.otherSecret)
        )
        func isTaken(_ token: String) async -> Bool { (try? await verifier.verify(token)) != nil }
        #expect(await isTaken(old))
        try file.write("bad")
        for reload in configuration.access.reloads { reload(.quiet) }
        #expect(await isTaken(old))
        let error = #expect(throws: ConfigurationError.self) {
            try ConfigurationLoader(flags: [.jwtKey: file.path], environment: [:], file: nil).load()
        }
        #expect(error?.option == "jwt-key")
        try file.write(TestKeys.otherSecret)
        for reload in configuration.access.reloads { reload(.quiet) }
        #expect(await isTaken(new))
        #expect(await !isTaken(old))
    }
}
