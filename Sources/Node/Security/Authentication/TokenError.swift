import VolaryProtocol

/// Why a token is not taken. Told to whoever sent it: nothing of the keys or of other people is in it.
enum TokenError: Error, Hashable {
    /// None was sent where one is needed.
    case missing
    /// In two places, or twice in one.
    case ambiguous
    /// Not three parts of base64url, a header that is none, or too long.
    case malformed
    /// Signed in a way, or by a key, that this node does not know; or not signed at all.
    case signature
    /// RFC 7515 section 4.1.11: needs an extension to be understood; this node has none.
    case extensions
    /// Signed well, and no JSON object; or one that has a claim twice.
    case payload
    /// Lacks a claim that it must have.
    case absent(_ claim: String)
    /// A claim is a value of a kind that it must not be.
    case kind(_ claim: String, JSONKind, needed: JSONKind)
    /// A number that is no time.
    case invalidTime(_ claim: String)
    /// A text that is no ``AudienceName``.
    case invalidUser(_ claim: String)
    case expired
    case notYetValid
    case audience
    /// Has an audience, and the node has none.
    case unexpectedAudience
    case issuer
    /// The query of the handshake says somebody else.
    case otherUser
    /// Valid for too long to stand in a URL.
    case tooLongLived

    var text: String {
        switch self {
        case .missing: "A token is needed."
        case .ambiguous: "One token, in one place."
        case .malformed: "The token is no JSON Web Token of at most \(TokenVerifier.maximumBytes) bytes."
        case .signature: "The token is not signed by a key of this node."
        case .extensions: "The token needs an extension (crit) that this node does not have."
        case .payload: "The token is signed well, but what it says is no JSON object that has each claim once."
        case .absent(let claim): "The token has no claim \(claim)."
        case .kind(let claim, let kind, .list):
            "The token's claim \(claim) is \(kind.rawValue); it must be a list of texts, or a text."
        case .kind(let claim, let kind, let needed):
            "The token's claim \(claim) is \(kind.rawValue); it must be \(needed.rawValue)."
        case .invalidTime(let claim): "The token's claim \(claim) is no time between 1970 and 9999, in seconds since 1970."
        case .invalidUser(let claim): "The token's claim \(claim) is no user: it \(AudienceName.rule)"
        case .expired: "The token has expired."
        case .notYetValid: "The token is not valid yet."
        case .audience: "The token is meant for others (aud)."
        case .unexpectedAudience: "The token is meant for an audience (aud), and this node has none (--jwt-audience)."
        case .issuer: "The token is from somebody else (iss)."
        case .otherUser: "The token is of another user than the query."
        case .tooLongLived: "A token in a URL may be valid for \(WebSocketAuthenticator.maximumQueryLifetime / 60_000) minutes."
        }
    }
}
