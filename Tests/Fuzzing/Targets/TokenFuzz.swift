import NIOCore
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// The parts of a token's check before and after its signature, which is checked by the library.
enum TokenFuzz {
    /// A credential is found completely in every allowed place. Claims give no more than a node may accept, and nothing from an
    /// expired token.
    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        let text = String(decoding: input, as: UTF8.self)
        if let token = try? BearerToken.inAuthorization(["Bearer \(text)"]) {
            try hold(text.hasSuffix(token) && !token.contains(" "), "\(token) is not the end of \(text)")
            try hold(
                (try? BearerToken.inSubprotocols(["volary", "volary.token.\(token)"])) == token,
                "\(token) is a different token"
            )
            if !token.contains("&") {
                try hold(
                    (try? BearerToken.inQuery(ofTarget: "/ws?a=b&access_token=\(token)")) == token,
                    "\(token) is a different token"
                )
            }
        }
        _ = (try? BearerToken.inQuery(ofTarget: text), Base64URL.decode(text[...]))
        _ = (try? TokenParts(text), ClaimPath(text))
        guard let claims = try? TokenClaims(payload: ByteBuffer(bytes: input)) else { return }
        for (now, audience) in [(0, nil), (1_781_330_400_000, "volary"), (1_781_330_400_000, nil), (Int64.max, nil)] {
            guard let verified = try? claims.verify(.init(audience: audience), now: now) else { continue }
            let bytes = verified.groups.reduce(0) { $0 + $1.byteCount }
            try hold(
                now < verified.expiresAt && verified.groups.count <= GroupLimits.standard.groups,
                "\(verified) at \(now)"
            )
            try hold(bytes <= GroupLimits.standard.bytes, "\(bytes) bytes of groups")
        }
    }

    static var seeds: [[UInt8]] {
        [
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2ln", "/ws?access_token=a.b.c&x=1",
            #"{"sub":"ann","exp":1781330500,"nbf":1781330300.5,"groups":["red"],"permissions":["read"],"scope":"send x"}"#,
            #"{"sub":"ann","exp":253402300799.999,"aud":["volary","b"],"iss":"i"}"#,
            #"{"sub":"ann","exp":-1e308,"aud":"volary"}"#, "/realm_access/roles~1", "https://example.org/groups",
            #"{"sub":"auth0|5f7","exp":1781330500.0,"groups":["/staff",7,""],"scp":["read"],"roles":"send","aud":"volary"}"#,
        ].map { Array($0.utf8) }
    }
}
