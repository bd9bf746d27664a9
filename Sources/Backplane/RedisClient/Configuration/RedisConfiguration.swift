/// The address of Redis and the parameters of connections to it.
public struct RedisConfiguration: Hashable, Sendable {
    /// Default: 127.0.0.1 and port 6379.
    public var target: RedisTarget
    /// Nil for Redis' default user.
    public var username: String?
    /// Nil when Redis asks for none. Never in a log or a description. A sentinel that asks for a password gets this one, with the
    /// user's name, unless ``sentinelPassword`` is set.
    public var password: String?
    /// The user for sentinels that ask for a password; nil for their default user.
    public var sentinelUsername: String?
    /// The password for sentinels that ask for one; nil means the password of Redis. Never in a log or a description.
    public var sentinelPassword: String?
    /// Default 0. Pub/sub ignores databases: clusters that share a Redis need different prefixes.
    public var database: Int
    /// Whether to use TLS, with the sentinels too. The server's certificate and name are checked.
    public var tls: Bool
    /// A PEM file of trusted authorities, which replaces those of the system; nil, the default, for those of the system.
    public var trustRootsFile: String?
    /// The prefix of every key and channel, followed by a colon. Default `volary`. Clusters that share a Redis need different
    /// prefixes.
    public var keyPrefix: String
    /// For the TCP connection. Default 2 s: after that, packets have probably been lost, and a new attempt is faster.
    public var connectTimeout: Duration
    /// From sending a command to its answer; if it expires, the link is lost. Default 2 s: with a liveness check each second, a
    /// frozen Redis is detected within three seconds, less than the default lease. The whole handshake of a link may take twice
    /// as long.
    public var commandTimeout: Duration
    /// The largest pause before the first reconnect; it doubles before each further one. Default 50 ms, so a Redis that only
    /// restarts is back soon. The pause is a random part of it (full jitter), so that the nodes of a cluster do not reconnect all
    /// at once.
    public var reconnectMinimum: Duration
    /// The limit of the pause. Default 2 s: the longest delay of a reconnect after Redis is back.
    public var reconnectMaximum: Duration
    /// How often the sentinels are polled while all links are up. Default 1 s: links may stay on a replaced master for so long.
    public var sentinelInterval: Duration
    /// How often the sentinels are polled while a link is down. Default 250 ms, which may be added to the time of a failover.
    public var sentinelUrgentInterval: Duration
    /// Put in front of every script, for tests: with `#!lua`, a Redis Cluster refuses a script as soon as it leaves its slot.
    var scriptPreamble = ""
    /// Texts in scripts that are replaced, for tests, which take rules away.
    var scriptReplacements: [String: String] = [:]

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
    /// The credentials for this peer; nil for none.
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

    /// Empty, because `dump` and string interpolation of a containing value would show the password.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
