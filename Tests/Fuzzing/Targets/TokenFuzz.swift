import Backplane
import Foundation

@testable import Node

/// What is read of a token before and after its signature, which is the library's.
enum TokenFuzz {
    /// A credential is found whole, wherever it stands; and claims give no more than a node may take, and nothing that has ended.
    static func check(_ input: [UInt8]) throws(FuzzFailure) {
        let text = String(decoding: input, as: UTF8.self)
        if let token = try? BearerToken.inAuthorization(["Bearer \(text)"]) {
            try hold(text.hasSuffix(token) && !token.contains(" "), "\(token) is not what \(text) ends with")
            try hold((try? BearerToken.inSubprotocols(["volary", "volary.token.\(token)"])) == token, "\(token) is another one")
            if !token.contains("&") {
                try hold(
                    (try? BearerToken.inQuery(ofTarget: "/ws?a=b&access_token=\(token)")) == token,
                    "\(token) is another one"
                )
            }
        }
        _ = (try? BearerToken.inQuery(ofTarget: text), Base64URL.decode(text[...]))
        guard let claims = try? JSONDecoder().decode(TokenClaims.self, from: Data(input)) else { return }
        for now in [0, 1_781_330_400_000, Int64.max] {
            guard let grant = try? claims.grant(.init(audience: claims.aud?.names.first), now: now) else { continue }
            try hold(now < grant.expiresAt && grant.groups.count <= PresenceLimits.groupsPerConnection, "\(grant) at \(now)")
        }
    }

    static var seeds: [[UInt8]] {
        [
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2ln", "/ws?access_token=a.b.c&x=1",
            #"{"sub":"ann","exp":1781330500,"nbf":1781330300.5,"groups":["red"],"permissions":["read"],"scope":"send x"}"#,
            #"{"sub":"ann","exp":253402300799.999,"aud":["volary","b"],"iss":"i"}"#,
            #"{"sub":"ann","exp":-1e308,"aud":"volary"}"#,
        ].map { Array($0.utf8) }
    }
}
