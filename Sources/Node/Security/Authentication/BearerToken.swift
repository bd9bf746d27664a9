/// Finds the credential in a request.
enum BearerToken {
    /// Prefix of the entry of `Sec-WebSocket-Protocol` that carries a token. Browsers can set no other header of a handshake.
    static let subprotocolPrefix = "volary.token."
    static let queryParameter = "access_token"

    /// The credential of `Authorization: Bearer …` (RFC 6750 section 2.1); nil without one. Other schemes are ignored: a proxy
    /// with Basic authentication may pass its header on.
    /// - Throws: ``TokenError/ambiguous`` when there are two, ``TokenError/malformed`` when it is empty or not visible ASCII.
    static func inAuthorization(_ values: [String]) throws(TokenError) -> String? {
        let credentials = values.compactMap(self.credential)
        guard let token = credentials.first else { return nil }
        guard credentials.count == 1 else { throw .ambiguous }
        guard !token.isEmpty, token.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw .malformed }
        return String(Substring(token))
    }

    /// - Returns: nil for another scheme.
    private static func credential(_ value: String) -> Substring.UTF8View? {
        let blank = UInt8(ascii: " ")
        let scheme = value.utf8.prefix { $0 != blank }
        // The scheme is case-insensitive.
        guard scheme.count == 6, zip(scheme, "bearer".utf8).allSatisfy({ $0 | 0x20 == $1 }) else { return nil }
        return value.utf8.dropFirst(6).drop { $0 == blank }
    }

    /// - Parameter protocols: the entries of all `Sec-WebSocket-Protocol` fields.
    static func inSubprotocols(_ protocols: [String]) throws(TokenError) -> String? {
        let prefix = self.subprotocolPrefix.utf8
        let tokens = protocols.filter { $0.utf8.starts(with: prefix) }
        guard tokens.count <= 1 else { throw .ambiguous }
        return tokens.first.map { String(Substring($0.utf8.dropFirst(prefix.count))) }
    }

    /// - Parameter target: the request target, with path and query. A token needs no percent-encoding, and is not decoded.
    static func inQuery(ofTarget target: String) throws(TokenError) -> String? {
        let tokens = HandshakeQuery.values(of: self.queryParameter, inTarget: target)
        guard tokens.count <= 1 else { throw .ambiguous }
        return tokens.first.map { String($0) }
    }
}
