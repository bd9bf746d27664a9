/// Where one server listens: a Redis, or a sentinel.
public struct RedisAddress: Hashable, Sendable, CustomStringConvertible {
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    public var host: String
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// As in a URL: an IPv6 address has its brackets.
    public var description: String {
        self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }
}

/// Which server a node's links are to be on.
public enum RedisTarget: Hashable, Sendable {
    /// This one, which must be a master.
    case server(RedisAddress)
    /// Whichever server these sentinels know as the master of this name.
    case master(name: String, sentinels: [RedisAddress])
}
