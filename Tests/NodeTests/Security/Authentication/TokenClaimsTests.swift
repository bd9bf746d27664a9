import Foundation
import NIOCore
import Testing
import VolaryProtocol

@testable import VolaryNode

/// What a token says.
@Suite
struct TokenClaimsTests {
    private static let now: Int64 = 1_800_000_000_000
    private static let exp = 1_800_000_060

    fileprivate func verify(_ rules: TokenClaims.Rules, _ json: String) -> Result<TokenClaims.VerifiedClaims, TokenError> {
        do throws(TokenError) {
            return .success(try TokenClaims(payload: ByteBuffer(string: json)).verify(rules, now: Self.now))
        } catch {
            return .failure(error)
        }
    }

    fileprivate func fault(_ rules: TokenClaims.Rules, _ json: String) -> TokenError? {
        if case .failure(let fault) = self.verify(rules, json) { fault } else { nil }
    }

    /// A good token, and more members behind it.
    private func with(_ more: String, sub: String = #""alice""#) -> String {
        #"{"sub":\#(sub),"exp":\#(Self.exp)\#(more.isEmpty ? "" : ",")\#(more)}"#
    }

    @Test
    func `A good token names a user, groups and permissions`() throws {
        let json = self.with(#""groups":["a","b","a"],"permissions":["read","fly"],"scope":"openid send""#)
        let claims = try self.verify(json).get()
        #expect(claims.user == AudienceName("alice"))
        #expect(claims.groups.map(\.text).sorted() == ["a", "b"] && claims.groupsLeftOut == 0)
        #expect(claims.permissions == [.read, .send])
        #expect(claims.expiresAt == Self.now + 60_000 + 5000)
    }

    @Test
    func `A token must say when it ends, and have not ended for more than the leeway; whole or not, the time is a number`() {
        #expect(self.fault(#"{"sub":"a"}"#) == .absent("exp"))
        #expect(self.fault(#"{"sub":"a","exp":null}"#) == .absent("exp"))
        for wrong in ["-1", "1e300", "1e999", "253402300800", "1800000060000"] {
            #expect(self.fault(#"{"sub":"a","exp":\#(wrong)}"#) == .invalidTime("exp"), "\(wrong)")
        }
        for right in ["1800000060", "1800000060.0", "1800000060.000", "1.80000006e9", "1800000060.5", "1799999995.001"] {
            #expect(self.fault(#"{"sub":"a","exp":\#(right)}"#) == nil, "\(right)")
        }
        #expect(self.fault(#"{"sub":"a","exp":1799999995}"#) == .expired)
        #expect(self.fault(#"{"sub":"a","exp":0}"#) == .expired)
    }

    @Test
    func `A token is not taken before its time, but for the leeway; when it was made does not matter`() {
        #expect(self.fault(self.with(#""nbf":1800000005"#)) == nil)
        #expect(self.fault(self.with(#""nbf":1800000005.01"#)) == .notYetValid)
        #expect(self.fault(self.with(#""nbf":-1"#)) == .invalidTime("nbf"))
        for made in ["1799999000", "1799999000.0", "1799999000.25", "9999999999", #""yesterday""#, "null"] {
            #expect(self.fault(self.with(#""iat":\#(made)"#)) == nil, "\(made)")
        }
    }

    @Test
    func `The audience must be the node's, alone or in a list, and without one there must be none`() {
        let rules = TokenClaims.Rules(audience: "volary")
        #expect(self.fault(self.with(#""aud":"volary""#)) == .unexpectedAudience)
        #expect(self.fault(self.with(#""aud":null"#)) == nil)
        #expect(self.fault(rules, self.with(#""aud":"volary""#)) == nil)
        #expect(self.fault(rules, self.with(#""aud":["a","volary"]"#)) == nil)
        #expect(self.fault(rules, self.with(#""aud":[7,"volary"]"#)) == nil)
        #expect(self.fault(rules, self.with(#""aud":["volary2"]"#)) == .audience)
        #expect(self.fault(rules, self.with(#""aud":[]"#)) == .audience)
        #expect(self.fault(rules, self.with("")) == .absent("aud"))
    }

    @Test
    func `The issuer must be the node's, where it has one, to the byte`() {
        #expect(self.fault(self.with(#""iss":"x""#)) == nil)
        #expect(self.fault(self.with(#""iss":7"#)) == nil)
        #expect(self.fault(.init(issuer: "x"), self.with(#""iss":"x""#)) == nil)
        #expect(self.fault(.init(issuer: "x"), self.with(#""iss":"X""#)) == .issuer)
        #expect(self.fault(.init(issuer: "\u{E9}"), self.with("\"iss\":\"e\u{301}\"")) == .issuer)
        #expect(self.fault(.init(issuer: "x"), self.with("")) == .absent("iss"))
    }

    @Test
    func `A user may have any text for a name`() throws {
        for text in ["a b", "auth0|5f7c", "spiffe://example.org/x", "\u{E9}", "日本語", "x\\ny"] {
            #expect(self.fault(self.with("", sub: "\"\(text)\"")) == nil, "\(text)")
        }
        #expect(self.fault(self.with("", sub: #""""#)) == .invalidUser("sub"))
        #expect(self.fault(self.with("", sub: #""a\u0000""#)) == .invalidUser("sub"))
        #expect(self.fault(self.with("", sub: "\"\(String(repeating: "a", count: 1025))\"")) == .invalidUser("sub"))
        #expect(self.fault(#"{"exp":\#(Self.exp)}"#) == .absent("sub"))
        #expect(try self.verify(self.with("", sub: #""a\u0301""#)).get().user.text.utf8.elementsEqual("a\u{301}".utf8))
    }

    @Test
    func `Groups that cannot be groups, and those beyond what a connection may be in, are left out and counted`() throws {
        func groups(_ json: String) throws -> (count: Int, leftOut: Int) {
            let claims = try self.verify(self.with(#""groups":\#(json)"#)).get()
            return (claims.groups.count, claims.groupsLeftOut)
        }
        func list(_ range: Range<Int>) -> String { "[\(range.map { "\"g\($0)\"" }.joined(separator: ","))]" }
        #expect(try groups(list(0..<64)) == (64, 0))
        #expect(try groups(list(0..<65)) == (64, 1))
        #expect(try groups(list(0..<200)) == (64, 136))
        #expect(try groups(#"["a","b c","/staff",""]"#) == (3, 1))
        #expect(try groups(#"["a",7,null,{"b":1},["c"],"d"]"#) == (2, 4))
        #expect(try groups(#""Domain Users""#) == (1, 0))
        #expect(try groups("null") == (0, 0))
        #expect(try groups("[]") == (0, 0))
        // Names of 1 KiB: 16 of them are what a connection may have.
        let long = (0..<20).map { number in "\"\(number)\(String(repeating: "x", count: 1024 - "\(number)".count))\"" }
        #expect(try groups("[\(long.joined(separator: ",")),\"a\"]") == (16, 5))
        // The first ones are kept.
        let first = try self.verify(self.with(#""groups":\#(list(0..<65))"#)).get().groups
        #expect(first.contains(where: { $0.text == "g0" }) && !first.contains(where: { $0.text == "g64" }))
    }

    @Test(
        arguments: ["permissions", "scope", "scp", "roles"]
    )
    func `Permissions are texts with blanks between them, or lists, under any of their names`(claim: String) throws {
        for value in [#""read send""#, #""openid  read profile send""#, #"["read","send"]"#, #"["send",7,"x y","read"]"#] {
            #expect(try self.verify(self.with("\"\(claim)\":\(value)")).get().permissions == [.read, .send], "\(value)")
        }
        // Of another service's form: none of ours.
        for value in ["7", "true", #"{"read":true}"#, "null", #""reading""#, #"["read send"]"#] {
            #expect(try self.verify(self.with("\"\(claim)\":\(value)")).get().permissions == [], "\(value)")
        }
        #expect(
            try self.verify(self.with(#""\#(claim)":"read","scope":"send""#.replacing(#""scope":"read","#, with: ""))).get()
                .permissions.contains(.send)
        )
    }

    @Test
    func `A claim of the wrong kind is named, with what it is`() {
        let rules = TokenClaims.Rules(audience: "a", issuer: "i", permissions: [ClaimPath("may")].compactMap(\.self))
        for (json, fault, text) in [
            (
                #"{"sub":"a","exp":"1800000060"}"#, TokenError.kind("exp", .text, needed: .number),
                "claim exp is a text; it must be a number"
            ),
            (self.with(#""nbf":true"#), .kind("nbf", .boolean, needed: .number), "claim nbf is a boolean; it must be a number"),
            (self.with("", sub: "7"), .kind("sub", .number, needed: .text), "claim sub is a number; it must be a text"),
            (self.with("", sub: "[]"), .kind("sub", .list, needed: .text), "claim sub is a list; it must be a text"),
            (
                self.with(#""groups":7"#), .kind("groups", .number, needed: .list),
                "claim groups is a number; it must be a list of texts, or a text"
            ),
            (self.with(#""groups":{"a":1}"#), .kind("groups", .object, needed: .list), "claim groups is an object"),
        ] {
            #expect(self.fault(json) == fault)
            #expect(fault.text.contains(text), "\(fault.text)")
        }
        #expect(self.fault(rules, self.with(#""aud":7"#)) == .kind("aud", .number, needed: .text))
        #expect(self.fault(rules, self.with(#""aud":"a","iss":{}"#)) == .kind("iss", .object, needed: .text))
        #expect(self.fault(rules, self.with(#""aud":"a","iss":"i","may":7"#)) == .kind("may", .number, needed: .list))
    }

    @Test(
        arguments: [
            "[]", "null", #""a""#, "", "{", #"{"sub":"a","sub":"b","exp":1800000060}"#, #"{"exp":1,"a":{"b":1,"b":2}}"#,
            #"{"sub":"\ud800","exp":1800000060}"#, String(repeating: "[", count: 4000),
            #"{"a":"# + String(repeating: "[", count: 4000),
        ]
    )
    func `What is no object, or has a claim twice, is no payload`(json: String) {
        #expect(self.fault(json) == .payload)
    }

    // MARK: - Where claims stand

    @Test
    func `A claim is named by its name, whatever is in it, or by a pointer to a nested one`() throws {
        let claims = try JSONValue(
            parsing: ByteBuffer(
                string: #"{"a":1,"https://x.y/g":2,"a.b":3,"r":{"roles":4,"c/d":{"e~f":5}},"/a":6,"n":null,"":7}"#
            )
        )
        for (path, number) in [
            ("a", 1), ("https://x.y/g", 2), ("a.b", 3), ("/r/roles", 4), ("/r/c~1d/e~0f", 5), ("/~1a", 6), ("/", 7),
            ("b", nil), ("r/roles", nil), ("/r/roles/x", nil), ("/r/nobody", nil), ("n", nil), ("/n/x", nil), ("/a", 1),
        ] as [(String, Double?)] {
            #expect(ClaimPath(path)?.value(in: claims) == number.map { .number($0) }, "\(path)")
        }
        for wrong in ["", "/a~", "/a~2", "/~b", String(repeating: "x", count: 257)] {
            #expect(ClaimPath(wrong) == nil, "\(wrong)")
        }
    }

    @Test
    func `The claims for user, groups and permissions are the operator's choice`() throws {
        let rules = TokenClaims.Rules(
            user: try #require(ClaimPath("/user/id")),
            groups: try #require(ClaimPath("https://example.org/groups")),
            permissions: [try #require(ClaimPath("/realm_access/roles"))]
        )
        let json = self.with(
            #"""
            "user":{"id":"Zoë"},"https://example.org/groups":["a"],"groups":["b"],"realm_access":{"roles":["send","x"]},"scope":"read"
            """#
        )
        let claims = try self.verify(rules, json).get()
        #expect((claims.user.text, claims.groups.map(\.text), claims.permissions) == ("Zoë", ["a"], [.send]))
        #expect(self.fault(rules, self.with("")) == .absent("/user/id"))
    }
}

extension TokenClaimsTests {
    fileprivate func verify(_ json: String) -> Result<TokenClaims.VerifiedClaims, TokenError> { self.verify(.init(), json) }
    fileprivate func fault(_ json: String) -> TokenError? { self.fault(.init(), json) }
}
