/// Where Redis is and how to deal with it.
public struct RedisConfiguration: Hashable, Sendable {
    /// Default: 127.0.0.1 and 6379, Redis' own.
    public var target: RedisTarget
    /// Nil for Redis' default user.
    public var username: String?
    /// Nil when Redis asks for none. Never in a log or a description. A sentinel that asks for a password gets it, and the user's name, unless
    /// there is one for sentinels.
    public var password: String?
    /// For sentinels that ask for a password; nil for their default user.
    public var sentinelUsername: String?
    /// For sentinels that ask for one; nil: they get Redis'. Never in a log or a description.
    public var sentinelPassword: String?
    /// Default 0. Pub/sub knows no databases: clusters that share a Redis need different prefixes.
    public var database: Int
    /// Whether to speak TLS, to the sentinels too, checking the server's certificate and name.
    public var tls: Bool
    /// A PEM file with the authorities to trust instead of the system's; nil, the default, for those.
    public var trustRootsFile: String?
    /// Starts every key and channel, followed by a colon. Default `volary`. Clusters that share a Redis need different ones.
    public var keyPrefix: String
    /// For the TCP connection. Default 2 s: beyond that the packets are lost, and another attempt is the better bet.
    public var connectTimeout: Duration
    /// From sending a command to its answer; a missed one costs the link. Default 2 s: with a liveness check each second, a
    /// frozen Redis is noticed within three, less than the default lease. All that is said before a link is ready may take twice as long.
    public var commandTimeout: Duration
    /// Largest pause before the first reconnection; doubled before each further one. Default 50 ms: a Redis that only restarted is back
    /// within one. The pause is a random part of it (full jitter), so that a cluster's nodes do not come all at once.
    public var reconnectMinimum: Duration
    /// What the pause grows to at most. Default 2 s: what an operator can bear to wait for once Redis is back.
    public var reconnectMaximum: Duration
    /// How often the sentinels are asked while all links are up. Default 1 s: so long may links stay on a master that has been replaced.
    public var sentinelInterval: Duration
    /// How often they are asked while a link is down. Default 250 ms: what a fail-over may last longer because of us.
    public var sentinelUrgentInterval: Duration

    public init(
        host: String = "127.0.0.1",
        port: Int = 6379,
        username: String? = nil,
        password: String? = nil,
        database: Int = 0,
        tls: Bool = false,
        keyPrefix: String = "volary"
    ) {
        self.target = .server(RedisAddress(host: host, port: port))
        self.username = username
        self.password = password
        self.sentinelUsername = nil
        self.sentinelPassword = nil
        self.database = database
        self.tls = tls
        self.trustRootsFile = nil
        self.keyPrefix = keyPrefix
        self.connectTimeout = .seconds(2)
        self.commandTimeout = .seconds(2)
        self.reconnectMinimum = .milliseconds(50)
        self.reconnectMaximum = .seconds(2)
        self.sentinelInterval = .seconds(1)
        self.sentinelUrgentInterval = .milliseconds(250)
    }
}

extension RedisConfiguration {
    /// What a server is given to log in with.
    func credentials(for peer: RedisPeer) -> (username: String?, password: String)? {
        switch peer {
        case .master: self.password.map { (self.username, $0) }
        case .sentinel(asksForPassword: false): nil
        case .sentinel(asksForPassword: true):
            self.sentinelPassword.map { (self.sentinelUsername, $0) } ?? self.password.map { (self.username, $0) }
        }
    }
}

extension RedisConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The addresses, without user and password.
    public var description: String {
        let scheme = self.tls ? "rediss" : "redis"
        return switch self.target {
        case .server(let address): "\(scheme)://\(address)/\(self.database)"
        case .master(let name, let sentinels):
            "\(scheme)+sentinel://\(sentinels.map(\.description).joined(separator: ","))/\(name)/\(self.database)"
        }
    }

    public var debugDescription: String { self.description }

    /// Nothing: `dump` and string interpolation of what contains it would show the password.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
