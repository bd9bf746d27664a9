/// Why a token with a valid signature opens nothing.
package enum PubSubTokenFault: Error, Hashable {
    /// A claim is absent, or not of its type.
    case claim(String)
    case expired
    case notYetValid
    case audience
    /// The user, a group or a role has an invalid name: 400 in the handshake. All other faults are 401.
    case invalidName(claim: String)
}
