import VolaryProtocol

/// Why a token is refused. Sent to the caller: it contains nothing about keys or other users.
enum TokenError: Error, Hashable {
    /// A token is required, and none was sent.
    case missing
    /// Sent in two places, or twice in one.
    case ambiguous
    /// Not three parts in base64url, an invalid header, or too long.
    case malformed
    /// Not signed, or with an algorithm or a key that this node does not have.
    case signature
    /// Requires an extension (`crit`, RFC 7515 section 4.1.11); this node supports none.
    case extensions
    /// The signature is valid, but the payload is not a JSON object, or has a claim twice.
    case payload
    /// A required claim is missing.
    case absent(_ claim: String)
    /// A claim has a value of the wrong type.
    case kind(_ claim: String, JSONKind, needed: JSONKind)
    /// A number that is not a valid time.
    case invalidTime(_ claim: String)
    /// A string that is not a valid ``AudienceName``.
    case invalidUser(_ claim: String)
    case expired
    case notYetValid
    case audience
    /// The token has an audience, and the node has none configured.
    case unexpectedAudience
    case issuer
    /// The query of the handshake names another user.
    case otherUser
    /// The token's remaining lifetime is too long for a token in a URL.
    case tooLongLived
    /// A token of Web PubSub on a node without access keys.
    case noAccessKey

    var text: String {
        switch self {
        case .missing: "A token is required."
        case .ambiguous: "Send one token, in one place."
        case .malformed: "This is not a JSON Web Token of at most \(TokenVerifier.maximumBytes) bytes."
        case .signature: "The token is not signed with a key that this node accepts."
        case .extensions: "The token requires an extension (crit) that this node does not support."
        case .payload: "The token's payload is not a JSON object, or a claim appears twice."
        case .absent(let claim): "The token has no claim \(claim)."
        case .kind(let claim, let kind, .list):
            "The token's claim \(claim) is \(kind.rawValue); it must be a list of texts, or a text."
        case .kind(let claim, let kind, let needed):
            "The token's claim \(claim) is \(kind.rawValue); it must be \(needed.rawValue)."
        case .invalidTime(let claim): "The token's claim \(claim) is not a time between 1970 and 9999, in seconds since 1970."
        case .invalidUser(let claim): "The token's claim \(claim) is not a valid user: it \(AudienceName.rule)"
        case .expired: "The token has expired."
        case .notYetValid: "The token is not valid yet."
        case .audience: "The token is for another audience (aud)."
        case .unexpectedAudience: "The token has an audience (aud), and this node has none configured (--jwt-audience)."
        case .issuer: "The token is from another issuer (iss)."
        case .otherUser: "The token's user is not the user in the URL."
        case .noAccessKey: "This node has no access key (--access-keys)."
        case .tooLongLived:
            "A token in a URL must expire within \(WebSocketAuthenticator.maximumQueryLifetime / 60_000) minutes."
        }
    }
}
