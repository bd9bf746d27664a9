/// A token, and whether a node with the keys of ``TokenForge`` must accept it.
struct TokenCase {
    let name: String
    let header: String
    let claims: String
    let signer: TokenForge.Signer
    let isGood: Bool

    private init(_ name: String, _ header: String, _ claims: String, _ signer: TokenForge.Signer, isGood: Bool = false) {
        (self.name, self.header, self.claims, self.signer, self.isGood) = (name, header, claims, signer, isGood)
    }

    static let audience = "volary"
    static let issuer = "https://issuer.example"
    static let hs256 = #"{"alg":"HS256"}"#

    /// Good claims as JSON, with some replaced (as JSON; nil: left out) and more text behind them.
    static func claims(now: Int, _ changes: [String: String?] = [:], more: String = "") -> String {
        let good = ["sub": #""eve""#, "exp": "\(now + 200)", "aud": #""\#(self.audience)""#, "iss": #""\#(self.issuer)""#]
        let all = good.mapValues(Optional.some).merging(changes) { $1 }
        let members = all.sorted { $0.key < $1.key }.compactMap { name, value in value.map { #""\#(name)":\#($0)"# } }
        return "{\(members.joined(separator: ","))\(more)}"
    }

    /// - Parameter key: an attacker's, as JSON.
    static func all(now: Int, attackersKey key: String) -> [TokenCase] {
        self.algorithms(now) + self.keys(now, key) + self.forms(now) + self.times(now) + self.meanings(now)
    }

    private static func algorithms(_ now: Int) -> [TokenCase] {
        let good = self.claims(now: now)
        let zeros = [UInt8](repeating: 0, count: 64)
        return [
            .init("HS256", self.hs256, good, .secret, isGood: true),
            .init("RS256", #"{"alg":"RS256","kid":"rsa"}"#, good, .rsa, isGood: true),
            .init("ES256", #"{"alg":"ES256","kid":"ec"}"#, good, .ec, isGood: true),
            .init("RS256 without a kid", #"{"alg":"RS256"}"#, good, .rsa, isGood: true),
            .init("an algorithm with an escape", #"{"alg":"\u0048S256"}"#, good, .secret, isGood: true),
            .init("none", #"{"alg":"none"}"#, good, .bytes([])),
            .init("None", #"{"alg":"None"}"#, good, .bytes([])),
            .init("NONE", #"{"alg":"NONE"}"#, good, .bytes([])),
            .init("none, and signed", #"{"alg":"none"}"#, good, .secret),
            .init("an empty algorithm", #"{"alg":""}"#, good, .secret),
            .init("no algorithm", #"{"typ":"JWT"}"#, good, .secret),
            .init("hs256", #"{"alg":"hs256"}"#, good, .secret),
            .init("HS256 and a space", #"{"alg":"HS256 "}"#, good, .secret),
            .init("HS256 and a NUL", #"{"alg":"HS256\u0000"}"#, good, .secret),
            .init("HS384 by name only", #"{"alg":"HS384"}"#, good, .secret),
            .init("HS512 by name only", #"{"alg":"HS512"}"#, good, .secret),
            .init("a list of algorithms", #"{"alg":["HS256"]}"#, good, .secret),
            .init("a null for an algorithm", #"{"alg":null}"#, good, .secret),
            .init("two algorithms", #"{"alg":"none","alg":"HS256"}"#, good, .secret),
            .init("two algorithms, the other way round", #"{"alg":"HS256","alg":"none"}"#, good, .bytes([])),
            .init("the public key's text as the secret", self.hs256, good, .publicKeyText),
            .init("the public key's bytes as the secret", self.hs256, good, .publicKeyBytes),
            .init("the same with the kid", #"{"alg":"HS256","kid":"rsa"}"#, good, .publicKeyText),
            .init("RS256 that is signed with the secret", #"{"alg":"RS256","kid":"rsa"}"#, good, .secret),
            .init("RS256 with PSS", #"{"alg":"RS256","kid":"rsa"}"#, good, .rsaPSS),
            .init("PS256", #"{"alg":"PS256","kid":"rsa"}"#, good, .rsaPSS),
            .init("ES256 of zeros", #"{"alg":"ES256","kid":"ec"}"#, good, .bytes(zeros)),
            .init("ES256 in DER", #"{"alg":"ES256","kid":"ec"}"#, good, .ecDER),
            .init("ES384 by name only", #"{"alg":"ES384","kid":"ec"}"#, good, .ec),
            .init("HS256 of zeros", self.hs256, good, .bytes(Array(zeros.prefix(32)))),
            .init("a signature of one byte", self.hs256, good, .bytes([0])),
            .init("no signature", self.hs256, good, .bytes([])),
            .init("a signature of another payload", self.hs256, good, .otherPayload),
            .init("a signature with nonzero unused bits", self.hs256, good, .looseSecret),
            .init("another secret", self.hs256, good, .otherSecret),
        ]
    }

    private static func keys(_ now: Int, _ key: String) -> [TokenCase] {
        let good = self.claims(now: now)
        let long = String(repeating: "k", count: 8000)
        return [
            .init("another RSA key", #"{"alg":"RS256","kid":"rsa"}"#, good, .otherRSA),
            .init("another EC key", #"{"alg":"ES256","kid":"ec"}"#, good, .otherEC),
            .init("the other key's kid", #"{"alg":"RS256","kid":"ec"}"#, good, .rsa),
            .init("an unknown kid", #"{"alg":"RS256","kid":"x"}"#, good, .rsa),
            .init("an empty kid", #"{"alg":"RS256","kid":""}"#, good, .rsa),
            .init("a kid with a NUL", #"{"alg":"RS256","kid":"rsa\u0000"}"#, good, .rsa),
            .init("a kid that is a path", #"{"alg":"HS256","kid":"../../../../dev/null"}"#, good, .bytes([])),
            .init("a kid that is a query", #"{"alg":"RS256","kid":"x' UNION SELECT 'k"}"#, good, .otherRSA),
            .init("a kid that is a number", #"{"alg":"RS256","kid":1}"#, good, .rsa),
            .init("a kid that is null", #"{"alg":"RS256","kid":null}"#, good, .rsa, isGood: true),
            .init("two kids", #"{"alg":"RS256","kid":"rsa","kid":"x"}"#, good, .rsa),
            .init("a long kid", #"{"alg":"RS256","kid":"\#(long)"}"#, good, .otherRSA),
            .init("a key of its own", #"{"alg":"RS256","jwk":\#(key)}"#, good, .otherRSA),
            .init("a key of its own, with the kid", #"{"alg":"RS256","kid":"rsa","jwk":\#(key)}"#, good, .otherRSA),
            .init("a key set of its own", #"{"alg":"RS256","jku":"http://127.0.0.1:1/keys"}"#, good, .otherRSA),
            .init("a certificate of its own", #"{"alg":"RS256","x5u":"http://127.0.0.1:1/","x5c":["MIIB"]}"#, good, .otherRSA),
            .init("an extension", #"{"alg":"HS256","crit":["exp"],"exp":1}"#, good, .secret),
            .init("an extension that changes the payload", #"{"alg":"HS256","crit":["b64"],"b64":false}"#, good, .secret),
            .init("an empty list of extensions", #"{"alg":"HS256","crit":[]}"#, good, .secret),
            .init("extensions that are null", #"{"alg":"HS256","crit":null}"#, good, .secret, isGood: true),
        ]
    }

    private static func forms(_ now: Int) -> [TokenCase] {
        let good = self.claims(now: now)
        let deep = String(repeating: "[", count: 4000)
        return [
            .init("a header that is a list", "[]", good, .secret), .init("a header that is null", "null", good, .secret),
            .init("no header", "", good, .secret), .init("a header that is not JSON", "alg:HS256", good, .secret),
            .init("a header with trailing text", #"{"alg":"HS256"}x"#, good, .secret),
            .init("a header with a byte order mark", "\u{EF}\u{BB}\u{BF}\(self.hs256)", good, .secret),
            .init("a deep header", #"{"alg":"HS256","x":\#(deep)"#, good, .secret),
            .init("a payload that is a list", self.hs256, "[\(good)]", .secret),
            .init("a payload that is a number", self.hs256, "1", .secret), .init("no payload", self.hs256, "", .secret),
            .init("a payload with trailing text", self.hs256, "\(good){}", .secret),
            .init("a payload that is not UTF-8", self.hs256, self.claims(now: now, more: ",\"x\":\"\u{FF}\""), .secret),
            .init("a payload with half a character", self.hs256, self.claims(now: now, ["sub": #""\ud800""#]), .secret),
            .init("a payload with an additional comma", self.hs256, self.claims(now: now, more: ","), .secret),
            .init("a deep payload", self.hs256, self.claims(now: now, more: ",\"x\":\(deep)"), .secret),
            .init(
                "a long token",
                self.hs256,
                self.claims(now: now, more: ",\"x\":\"\(String(repeating: "x", count: 13_000))\""),
                .secret
            ),
            .init(
                "a token within the limit",
                self.hs256,
                self.claims(now: now, more: ",\"x\":\"\(String(repeating: "x", count: 11_000))\""),
                .secret,
                isGood: true
            ),
        ]
    }

    private static func times(_ now: Int) -> [TokenCase] {
        func of(_ name: String, _ changes: [String: String?], more: String = "", isGood: Bool = false) -> TokenCase {
            .init(name, self.hs256, self.claims(now: now, changes, more: more), .secret, isGood: isGood)
        }
        return [
            of("no exp", ["exp": nil]), of("exp in the past", ["exp": "\(now - 60)"]),
            of("exp as text", ["exp": "\"\(now + 60)\""]),
            of("exp in milliseconds", ["exp": "\(now * 1000)"]), of("exp below zero", ["exp": "-1"]),
            of("exp of zero", ["exp": "0"]),
            of("exp that is too large", ["exp": "1e400"]), of("exp of null", ["exp": "null"]), of("exp of true", ["exp": "true"]),
            of("exp in a list", ["exp": "[\(now + 60)]"]), of("exp that is not a number", ["exp": "NaN"]),
            of("exp with a fraction", ["exp": "\(now + 60).5"], isGood: true), of("exp with a plus", ["exp": "+\(now + 60)"]),
            of("two exps", [:], more: ",\"exp\":\(now - 60)"),
            of("another exp in capitals", [:], more: ",\"EXP\":1", isGood: true),
            of("two exps, one escaped", [:], more: ",\"\\u0065xp\":\(now + 9999)"),
            of("nbf in the future", ["nbf": "\(now + 120)"]), of("nbf as text", ["nbf": "\"\(now - 60)\""]),
            of("nbf below zero", ["nbf": "-1"]), of("nbf of null", ["nbf": "null"], isGood: true),
            of("nbf in the past", ["nbf": "\(now - 60)"], isGood: true),
        ]
    }

    private static func meanings(_ now: Int) -> [TokenCase] {
        func of(_ name: String, _ changes: [String: String?], more: String = "", isGood: Bool = false) -> TokenCase {
            .init(name, self.hs256, self.claims(now: now, changes, more: more), .secret, isGood: isGood)
        }
        let groups = "[\((0..<200).map { "\"g\($0)\"" }.joined(separator: ","))]"
        return [
            of("no aud", ["aud": nil]), of("another aud", ["aud": #""other""#]),
            of("aud in capitals", ["aud": #""VOLARY""#]),
            of("aud and a space", ["aud": #""volary ""#]), of("aud and a NUL", ["aud": #""volary\u0000""#]),
            of("aud of null", ["aud": "null"]),
            of("no audiences", ["aud": "[]"]), of("audiences in a list in a list", ["aud": #"[["volary"]]"#]),
            of("aud as an object", ["aud": #"{"volary":true}"#]),
            of("aud among others", ["aud": #"["x","volary"]"#], isGood: true),
            of("no iss", ["iss": nil]), of("another iss", ["iss": #""https://evil.example""#]),
            of("iss with trailing text", ["iss": #""https://issuer.example.evil.example""#]),
            of("iss and a slash", ["iss": #""https://issuer.example/""#]),
            of("iss in a list", ["iss": #"["https://issuer.example"]"#]),
            of("iss in capitals", ["iss": #""HTTPS://ISSUER.EXAMPLE""#]),
            of("no sub", ["sub": nil]), of("an empty sub", ["sub": #""""#]), of("sub of a number", ["sub": "1"]),
            of("sub with a NUL", ["sub": #""root\u0000""#]), of("two subs", [:], more: #","sub":"root""#),
            of("two subs, one escaped", [:], more: #","\u0073ub":"root""#),
            of("a long sub", ["sub": "\"\(String(repeating: "x", count: 1025))\""]),
            of("the longest sub", ["sub": "\"\(String(repeating: "x", count: 1024))\""], isGood: true),
            of("groups as an object", ["groups": "{}"]), of("groups of a number", ["groups": "1"]),
            of("invalid groups", ["groups": #"[1,null,[],"",{}]"#], isGood: true),
            of("many groups", ["groups": groups], isGood: true),
            of(
                "unknown permissions",
                ["permissions": #"[1,"READ","read ","*","admin",null]"#, "scope": "7", "roles": #"{"read":true}"#],
                isGood: true
            ),
        ]
    }
}
