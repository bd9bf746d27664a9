/// The address of one server: a Redis or a sentinel.
public struct RedisAddress: Hashable, Sendable, CustomStringConvertible {
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    public var host: String
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// As in a URL: an IPv6 address is in brackets.
    public var description: String {
        self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }
}

/// The server that a node's links connect to.
public enum RedisTarget: Hashable, Sendable {
    /// This server, which must be a master.
    case server(RedisAddress)
    /// The server that these sentinels report as the master of this name.
    case master(name: String, sentinels: [RedisAddress])
}
