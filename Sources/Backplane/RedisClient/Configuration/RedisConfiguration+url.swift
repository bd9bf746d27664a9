import VolaryProtocol

extension RedisConfiguration {
    /// Each sentinel is polled all the time over its own connection.
    private static let maximumSentinels = 16
    private static let sentinelPort = 26_379

    private static let sentinelUsernameParameter = "sentinel_username"
    private static let sentinelPasswordParameter = "sentinel_password"

    /// - Parameter url: `redis://[user:password@]host[:port][/db]`, or
    ///   `redis+sentinel://[user:password@]host[:port],…/name[/db]` for the master of this name that 1 to 16 sentinels report.
    ///   The latter may end with `?sentinel_username=…&sentinel_password=…` if the sentinels need other credentials than Redis.
    ///   `rediss` instead of `redis` means TLS. Users and passwords are percent-decoded; an IPv6 address is in brackets;
    ///   `:password@` is for the default user. The default ports are 6379 and 26379.
    public init(url: String) throws(RedisURLError) {
        guard let colon = url.firstIndex(of: ":") else { throw .scheme }
        let scheme = url[..<colon]
        let (tls, asksSentinels): (Bool, Bool)
        switch scheme {
        case "redis": (tls, asksSentinels) = (false, false)
        case "rediss": (tls, asksSentinels) = (true, false)
        case "redis+sentinel": (tls, asksSentinels) = (false, true)
        case "rediss+sentinel": (tls, asksSentinels) = (true, true)
        default: throw .scheme
        }
        var rest = url[colon...]
        guard rest.hasPrefix("://") else { throw .scheme }
        rest.removeFirst(3)
        self.init(tls: tls)
        // The last "@": if a password contains an unencoded "@", no part of it may end up in the host, which is shown.
        if let at = rest.lastIndex(of: "@") {
            (self.username, self.password) = try Self.credentials(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        var (servers, path) = Self.split(rest)
        if asksSentinels {
            if let mark = path.firstIndex(of: "?") {
                try self.takeSentinelCredentials(path[path.index(after: mark)...])
                path = path[..<mark]
            }
            let sentinels = try Self.sentinels(servers)
            let (name, database) = Self.split(path)
            self.target = .master(name: try Self.masterName(name), sentinels: sentinels)
            self.database = try Self.database(database)
        } else {
            self.target = .server(try Self.address(servers, defaultPort: 6379))
            self.database = try Self.database(path)
        }
    }

    /// The parts before and after the first `sign`.
    private static func split(_ text: Substring, at sign: Character = "/") -> (Substring, Substring) {
        let place = text.firstIndex(of: sign) ?? text.endIndex
        return (text[..<place], text[place...].dropFirst())
    }

    private static func credentials(_ text: Substring) throws(RedisURLError) -> (String?, String) {
        guard let colon = text.firstIndex(of: ":"),
            let username = PercentEncoding.decode(text[..<colon])?.string,
            let password = PercentEncoding.decode(text[text.index(after: colon)...])?.string,
            !password.isEmpty
        else { throw .credentials }
        return (username.isEmpty ? nil : username, password)
    }

    private mutating func takeSentinelCredentials(_ query: Substring) throws(RedisURLError) {
        for part in query.split(separator: "&", omittingEmptySubsequences: false) {
            let (name, value) = Self.split(part, at: "=")
            guard let value = PercentEncoding.decode(value)?.string, !value.isEmpty else { throw .sentinelCredentials }
            switch name {
            case Self.sentinelUsernameParameter where self.sentinelUsername == nil: self.sentinelUsername = value
            case Self.sentinelPasswordParameter where self.sentinelPassword == nil: self.sentinelPassword = value
            default: throw .sentinelCredentials
            }
        }
        guard self.sentinelPassword != nil else { throw .sentinelCredentials }
    }

    private static func sentinels(_ text: Substring) throws(RedisURLError) -> [RedisAddress] {
        var addresses: [RedisAddress] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            addresses.append(try Self.address(part, defaultPort: Self.sentinelPort))
        }
        // A sentinel that is listed twice would have two votes.
        guard addresses.count <= Self.maximumSentinels, Set(addresses).count == addresses.count else { throw .sentinels }
        return addresses
    }

    /// The names that sentinels accept.
    private static func masterName(_ text: Substring) throws(RedisURLError) -> String {
        let allowed = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-._".contains($0)) }
        guard (1...64).contains(text.count), allowed else { throw .masterName }
        return String(text)
    }

    private static func address(_ text: Substring, defaultPort: Int) throws(RedisURLError) -> RedisAddress {
        let host: Substring
        let remainder: Substring
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { throw .host }
            host = text[text.index(after: text.startIndex)..<end]
            remainder = text[text.index(after: end)...]
            guard host.contains(":"), host.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." || $0 == "%" }) else {
                throw .host
            }
        } else {
            let colon = text.firstIndex(of: ":") ?? text.endIndex
            host = text[..<colon]
            remainder = text[colon...]
            guard !host.isEmpty, host.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-._".contains($0)) }) else {
                throw .host
            }
        }
        guard !remainder.isEmpty else { return RedisAddress(host: String(host), port: defaultPort) }
        guard remainder.first == ":" else { throw .host }
        guard let port = Self.number(remainder.dropFirst()), (1...65_535).contains(port) else { throw .port }
        return RedisAddress(host: String(host), port: port)
    }

    private static func database(_ text: Substring) throws(RedisURLError) -> Int {
        guard !text.isEmpty else { return 0 }
        guard !text.contains(where: { "/?#".contains($0) }) else { throw .trailing }
        guard let database = Self.number(text), database <= 65_535 else { throw .database }
        return database
    }

    /// Digits only: `Int.init` would also accept a sign.
    private static func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(text) : nil
    }
}
