/// Where credentials stand in a request.
enum BearerToken {
    /// Starts the entry of `Sec-WebSocket-Protocol` that carries a token: browsers can set no other header of a handshake.
    static let subprotocolPrefix = "volary.token."
    static let queryParameter = "access_token"

    /// The credential of `Authorization: Bearer …` (RFC 6750 section 2.1); nil without the field.
    /// - Throws: ``TokenFault/ambiguous`` when it comes twice, ``TokenFault/malformed`` when it is of another scheme.
    static func inAuthorization(_ values: [String]) throws(TokenFault) -> String? {
        guard let value = values.first else { return nil }
        guard values.count == 1 else { throw .ambiguous }
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw .malformed }
        let token = parts[1].drop { $0 == " " }
        guard !token.isEmpty, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw .malformed }
        return String(token)
    }

    /// - Parameter protocols: the entries of all `Sec-WebSocket-Protocol` fields.
    static func inSubprotocols(_ protocols: [String]) throws(TokenFault) -> String? {
        let prefix = self.subprotocolPrefix.utf8
        let tokens = protocols.filter { $0.utf8.starts(with: prefix) }
        guard tokens.count <= 1 else { throw .ambiguous }
        return tokens.first.map { String(Substring($0.utf8.dropFirst(prefix.count))) }
    }

    /// - Parameter target: of the request: path and query. A token needs no percent-encoding, and must have none.
    static func inQuery(ofTarget target: String) throws(TokenFault) -> String? {
        let tokens = HandshakeQuery.values(of: self.queryParameter, inTarget: target)
        guard tokens.count <= 1 else { throw .ambiguous }
        return tokens.first.map { String($0) }
    }
}
