/// Where Redis is and how to deal with it.
public struct RedisConfiguration: Hashable, Sendable {
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    public var host: String
    /// Default 6379, Redis' own.
    public var port: Int
    /// Nil for Redis' default user.
    public var username: String?
    /// Nil when Redis asks for none. Never in a log or a description.
    public var password: String?
    /// Default 0. Pub/sub knows no databases: clusters that share a Redis need different prefixes.
    public var database: Int
    /// Whether to speak TLS, checking the server's certificate and name.
    public var tls: Bool
    /// A PEM file with the authorities to trust instead of the system's; nil, the default, for those.
    public var trustRootsFile: String?
    /// Starts every key and channel, followed by a colon. Default `volary`. Clusters that share a Redis need different ones.
    public var keyPrefix: String
    /// For the TCP connection. Default 2 s: beyond that the packets are lost, and another attempt is the better bet.
    public var connectTimeout: Duration
    /// From sending a command to its answer; a missed one costs the link. Default 2 s: with a liveness check each second, a
    /// frozen Redis is noticed within three, less than the default lease.
    public var commandTimeout: Duration
    /// Largest pause before the first reconnection; doubled before each further one. Default 50 ms: a Redis that only restarted is back
    /// within one. The pause is a random part of it (full jitter), so that a cluster's nodes do not come all at once.
    public var reconnectMinimum: Duration
    /// What the pause grows to at most. Default 2 s: what an operator can bear to wait for once Redis is back.
    public var reconnectMaximum: Duration

    public init(
        host: String = "127.0.0.1",
        port: Int = 6379,
        username: String? = nil,
        password: String? = nil,
        database: Int = 0,
        tls: Bool = false,
        keyPrefix: String = "volary"
    ) {
        self.host = host
        self.port = port
        self.username = username
        self.password = password
        self.database = database
        self.tls = tls
        self.trustRootsFile = nil
        self.keyPrefix = keyPrefix
        self.connectTimeout = .seconds(2)
        self.commandTimeout = .seconds(2)
        self.reconnectMinimum = .milliseconds(50)
        self.reconnectMaximum = .seconds(2)
    }

    /// - Parameter url: `redis://[user:password@]host[:port][/db]`, `rediss://` for TLS. User and password are percent-decoded; an IPv6
    ///   address stands in brackets; `:password@` is the default user's.
    public init(url: String) throws(RedisURLError) {
        var rest = url[...]
        if let plain = rest.droppingPrefix("redis://") {
            self.init(tls: false)
            rest = plain
        } else if let secure = rest.droppingPrefix("rediss://") {
            self.init(tls: true)
            rest = secure
        } else {
            throw .scheme
        }
        // The last one: a password that forgot to encode its "@" must not become part of a host that is shown.
        if let at = rest.lastIndex(of: "@") {
            (self.username, self.password) = try Self.credentials(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        (self.host, self.port) = try Self.authority(rest[..<slash], defaultPort: self.port)
        self.database = try Self.database(rest[slash...].dropFirst())
    }

    private static func credentials(_ text: Substring) throws(RedisURLError) -> (String?, String) {
        guard let colon = text.firstIndex(of: ":"),
            let username = PercentEncoding.decode(text[..<colon]),
            let password = PercentEncoding.decode(text[text.index(after: colon)...]),
            !password.isEmpty
        else { throw .credentials }
        return (username.isEmpty ? nil : username, password)
    }

    private static func authority(_ text: Substring, defaultPort: Int) throws(RedisURLError) -> (String, Int) {
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
            let allowed =
                host.utf8.allSatisfy { $0 < 0x80 } && host.allSatisfy { $0.isLetter || $0.isNumber || "-._".contains($0) }
            guard !host.isEmpty, allowed else { throw .host }
        }
        guard !remainder.isEmpty else { return (String(host), defaultPort) }
        guard remainder.first == ":" else { throw .host }
        guard let port = Self.number(remainder.dropFirst()), (1...65_535).contains(port) else { throw .port }
        return (String(host), port)
    }

    private static func database(_ text: Substring) throws(RedisURLError) -> Int {
        guard !text.isEmpty else { return 0 }
        guard !text.contains(where: { "/?#".contains($0) }) else { throw .trailing }
        guard let database = Self.number(text), database <= 65_535 else { throw .database }
        return database
    }

    /// Digits only: `Int.init` would also take a sign.
    private static func number(_ text: Substring) -> Int? {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(text) : nil
    }
}

extension RedisConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The address, without user and password.
    public var description: String {
        let host = self.host.contains(":") ? "[\(self.host)]" : self.host
        return "\(self.tls ? "rediss" : "redis")://\(host):\(self.port)/\(self.database)"
    }

    public var debugDescription: String { self.description }

    /// Nothing: `dump` and string interpolation of what contains it would show the password.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Substring {
    fileprivate func droppingPrefix(_ prefix: String) -> Substring? {
        self.hasPrefix(prefix) ? self.dropFirst(prefix.count) : nil
    }
}
