import Foundation
import Protocol
import Testing

@testable import Node

@Suite("What a token says")
struct TokenClaimsTests {
    private static let now: Int64 = 1_800_000_000_000
    private static let seconds = 1_800_000_000.0
    private static let good = TokenClaims(sub: "alice", exp: Self.seconds + 60)

    private func fault(_ rules: TokenClaims.Rules = .init(), _ change: (inout TokenClaims) -> Void) -> TokenFault? {
        var claims = Self.good
        change(&claims)
        do throws(TokenFault) {
            _ = try claims.grant(rules, now: Self.now)
            return nil
        } catch {
            return error
        }
    }

    @Test func `A good token names a user, groups and permissions`() throws {
        var claims = Self.good
        claims.groups = ["a", "b", "a"]
        claims.permissions = ["read", "fly"]
        claims.scope = "openid send"
        let grant = try claims.grant(.init(), now: Self.now)
        #expect(grant.user == Name("alice"))
        #expect(grant.groups.map(\.text).sorted() == ["a", "b"])
        #expect(grant.permissions == [.read, .send])
        #expect(grant.expiresAt == Self.now + 60_000 + 5000)
    }

    @Test func `A token must say when it ends, and have not ended for more than the leeway`() {
        #expect(self.fault { $0.exp = nil } == .expiry)
        for wrong in [-1, .nan, .infinity, 1e300, 253_402_300_800] { #expect(self.fault { $0.exp = wrong } == .expiry) }
        #expect(self.fault { $0.exp = Self.seconds - 4.999 } == nil)
        #expect(self.fault { $0.exp = Self.seconds - 5 } == .expired)
        #expect(self.fault { $0.exp = 0 } == .expired)
    }

    @Test func `A token is not taken before its time, but for the leeway`() {
        #expect(self.fault { $0.nbf = Self.seconds + 5 } == nil)
        #expect(self.fault { $0.nbf = Self.seconds + 5.01 } == .notYetValid)
        #expect(self.fault { $0.nbf = .nan } == .notYetValid)
    }

    @Test func `The audience must be the node's, and without one there must be none`() {
        let rules = TokenClaims.Rules(audience: "volary")
        #expect(self.fault { $0.aud = .init(["volary"]) } == .audience)
        #expect(self.fault(rules) { $0.aud = .init(["a", "volary"]) } == nil)
        #expect(self.fault(rules) { $0.aud = .init(["volary2"]) } == .audience)
        #expect(self.fault(rules) { _ in } == .audience)
    }

    @Test func `The issuer must be the node's, where it has one`() {
        #expect(self.fault { $0.iss = "x" } == nil)
        #expect(self.fault(.init(issuer: "x")) { $0.iss = "x" } == nil)
        #expect(self.fault(.init(issuer: "x")) { $0.iss = "X" } == .issuer)
        #expect(self.fault(.init(issuer: "x")) { _ in } == .issuer)
    }

    @Test func `The user must be a name`() {
        for wrong in [nil, "", "a b", "a\n", "ä", String(repeating: "a", count: 257)] {
            #expect(self.fault { $0.sub = wrong } == .subject)
        }
    }

    @Test func `Groups must be names, and no more than a connection may be in`() {
        #expect(self.fault { $0.groups = (0..<64).map { "g\($0)" } } == nil)
        #expect(self.fault { $0.groups = (0..<65).map { "g\($0)" } } == .groups)
        #expect(self.fault { $0.groups = ["a", "b c"] } == .groups)
    }

    @Test(arguments: [
        #"{"sub":1,"exp":1}"#, #"{"sub":"a","exp":"1"}"#, #"{"sub":"a","exp":1e999}"#, #"{"exp":1,"groups":"a"}"#,
        #"{"exp":1,"groups":[1]}"#, #"{"exp":1,"aud":{}}"#, #"{"exp":1,"scope":["a"]}"#, "[]", "null", #""a""#, "",
        String(repeating: "[", count: 4000),
    ])
    func `Claims of another type are no claims`(json: String) {
        #expect(throws: (any Error).self) { try JSONDecoder().decode(TokenClaims.self, from: Data(json.utf8)) }
    }
}
