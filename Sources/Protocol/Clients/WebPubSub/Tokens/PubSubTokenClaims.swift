import NIOCore

/// The claims of a token for Web PubSub with a valid signature.
package struct PubSubTokenClaims: Hashable {
    /// Allowed difference between the clocks of issuer and node: 5 minutes, in milliseconds.
    static let leeway: Int64 = 300_000

    /// What a token gives to a client.
    package struct Client: Hashable {
        /// nil: anonymous.
        package let user: AudienceName?
        package let groups: Set<AudienceName>
        package let permissions: GroupPermissions
    }

    private let claims: JSONValue

    /// - Parameter claims: the payload of the token.
    package init(_ claims: JSONValue) {
        self.claims = claims
    }

    /// Checks a client's token. Only when it connects: a connection may outlive its token.
    /// - Parameters:
    ///   - hub: of the client's URL.
    ///   - hosts: names of this server, with their ports (``TokenAudience``).
    ///   - now: milliseconds since 1970, UTC.
    package func client(of hub: UTF8Text, hosts: [UTF8Text], now: Int64) throws(PubSubTokenFault) -> Client {
        try self.checkTimes(now)
        guard try self.audiences().contains(where: { $0.opens(hub: hub, hosts: hosts) }) else { throw .audience }
        let groups = try self.texts("webpubsub.group").map { text throws(PubSubTokenFault) in
            guard let group = AudienceName(pubSubGroup: text) else { throw .invalidName(claim: "webpubsub.group") }
            return group
        }
        guard let permissions = GroupPermissions(roles: try self.texts("role")) else { throw .invalidName(claim: "role") }
        return Client(user: try self.user(), groups: Set(groups), permissions: permissions)
    }

    /// Checks the token of a REST request.
    /// - Parameter path: of the request as sent, without query.
    package func checkRequest(path: UTF8Text, hosts: [UTF8Text], now: Int64) throws(PubSubTokenFault) {
        try self.checkTimes(now)
        guard try self.audiences().contains(where: { $0.opens(path: path, hosts: hosts) }) else { throw .audience }
    }

    /// All claims, each with its values as texts: those of a list one by one, an object as JSON.
    package var texts: [(name: UTF8Text, values: [UTF8Text])] {
        guard case .object(let members) = self.claims else { return [] }
        return members.map { member in
            guard case .list(let elements) = member.value else { return (member.name, [Self.text(of: member.value)]) }
            return (member.name, elements.map(Self.text))
        }
    }

    private static func text(of value: JSONValue) -> UTF8Text {
        if case .text(let text) = value { return text }
        return UTF8Text(String(buffer: value.encoded))
    }

    // MARK: - Claims

    private func checkTimes(_ now: Int64) throws(PubSubTokenFault) {
        guard let expiry = try self.time("exp") else { throw .claim("exp") }
        guard now < expiry + Self.leeway else { throw .expired }
        if let start = try self.time("nbf"), now < start - Self.leeway { throw .notYetValid }
    }

    /// - Returns: milliseconds since 1970, UTC; nil when the claim is absent.
    private func time(_ name: String) throws(PubSubTokenFault) -> Int64? {
        guard let value = self.claims[UTF8Text(name)] else { return nil }
        guard case .number(let seconds) = value, (0..<253_402_300_800).contains(seconds) else { throw .claim(name) }
        return Int64(seconds * 1000)
    }

    private func audiences() throws(PubSubTokenFault) -> [TokenAudience] {
        try self.texts("aud").compactMap { TokenAudience($0) }
    }

    /// An empty user id means the same as none.
    private func user() throws(PubSubTokenFault) -> AudienceName? {
        guard let value = self.claims["sub"] else { return nil }
        guard let text = value.text else { throw .claim("sub") }
        if text.utf8.isEmpty { return nil }
        guard let user = AudienceName(text) else { throw .invalidName(claim: "sub") }
        return user
    }

    /// A string, or the strings of a list. Empty when the claim is absent.
    private func texts(_ name: String) throws(PubSubTokenFault) -> [UTF8Text] {
        switch self.claims[UTF8Text(name)] {
        case nil: return []
        case .text(let text): return [text]
        case .list(let elements): return elements.compactMap(\.text)
        default: throw .claim(name)
        }
    }
}
