import Protocol

/// Why a token is not taken. Told to whoever sent it: nothing of the keys or of other people is in it.
enum TokenFault: Error, Hashable {
    /// None was sent where one is needed.
    case missing
    /// In two places, or twice in one.
    case ambiguous
    /// Not three parts of base64url with JSON, too long, or with a claim of the wrong type.
    case malformed
    /// Signed in a way, or by a key, that this node does not know; or not signed at all.
    case signature
    case expired
    case notYetValid
    case audience
    case issuer
    case subject
    case groups
    case expiry
    /// Valid for too long to stand in a URL.
    case tooLongLived

    var text: String {
        switch self {
        case .missing: "A token is needed."
        case .ambiguous: "One token, in one place."
        case .malformed: "The token is no JSON Web Token of at most \(TokenVerifier.maximumBytes) bytes."
        case .signature: "The token is not signed by a key of this node."
        case .expired: "The token has expired."
        case .notYetValid: "The token is not valid yet."
        case .audience: "The token is meant for others (aud)."
        case .issuer: "The token is from somebody else (iss)."
        case .subject: "The token names no user: sub \(Name.rule)"
        case .groups: "The token's groups are not names, or too many."
        case .expiry: "The token does not say when it expires (exp)."
        case .tooLongLived: "A token in a URL may be valid for \(WebSocketAccess.maximumQueryLifetime / 60_000) minutes."
        }
    }
}
