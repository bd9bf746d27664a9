/// A request for a client's token: `:generateToken`.
package struct ClientTokenRequest: Hashable {
    /// Longest lifetime: about 10 years, in minutes.
    static let maximumMinutes: UInt64 = 5_000_000

    private let user: AudienceName?
    private let groups: [AudienceName]
    private let roles: [UTF8Text]
    private let minutes: UInt64

    /// Decoded parameters of the query.
    /// - Returns: nil for an invalid parameter: 400.
    package init?(
        userID: UTF8Text? = nil,
        roles: [UTF8Text] = [],
        groups: [UTF8Text] = [],
        minutesToExpire: UTF8Text? = nil,
        clientType: UTF8Text? = nil
    ) {
        let names = groups.compactMap { AudienceName(pubSubGroup: $0) }
        guard names.count == groups.count, GroupPermissions(roles: roles) != nil,
            clientType?.equalsIgnoringCase("Default") ?? true,
            let minutes = minutesToExpire.map({ UInt64(decimal: $0.utf8) }) ?? 60, (1...Self.maximumMinutes).contains(minutes)
        else { return nil }
        if let userID, !userID.utf8.isEmpty {
            guard let user = AudienceName(userID) else { return nil }
            self.user = user
        } else {
            self.user = nil
        }
        self.groups = names
        self.roles = roles
        self.minutes = minutes
    }

    /// - Parameters:
    ///   - host: name of this server with its port, as clients use it.
    ///   - now: milliseconds since 1970, UTC.
    package func claims(hub: UTF8Text, host: UTF8Text, now: Int64) -> JSONValue {
        let seconds = Double(now / 1000)
        var members: [JSONValue.Member] = []
        func put(_ name: UTF8Text, _ value: JSONValue) { members.append(JSONValue.Member(name: name, value: value)) }
        put("aud", .text(UTF8Text("https://\(host.string)/client/hubs/\(hub.string)")))
        put("iat", .number(seconds))
        put("nbf", .number(seconds))
        put("exp", .number(seconds + Double(self.minutes) * 60))
        if let user { put("sub", .text(UTF8Text(user.text))) }
        if !self.roles.isEmpty { put("role", .list(self.roles.map { .text($0) })) }
        if !self.groups.isEmpty { put("webpubsub.group", .list(self.groups.map { .text(UTF8Text($0.text)) })) }
        return .object(members)
    }
}
