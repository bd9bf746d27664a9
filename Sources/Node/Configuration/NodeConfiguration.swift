public import Logging
public import VolaryBackplane
public import VolaryProtocol

/// Everything that an operator may set, checked. ``ConfigurationLoader`` makes it; the defaults stand in ``ConfigurationOption``.
public struct NodeConfiguration: Sendable {
    public enum LogFormat: String, Sendable, CaseIterable {
        case text
        case json
    }

    // MARK: - The node

    /// Address to listen on.
    public var host: String
    /// 0: any free one.
    public var port: Int
    /// Nil: plain HTTP and WebSocket.
    var tls: ServerTLS?
    /// At most 64 letters, digits, `.`, `_` and `-`. Nil: the host's name and the port, see ``NodeName``.
    public var name: String?
    /// Event loops.
    public var threads: Int

    // MARK: - The cluster

    /// Nil: the memory broker, a cluster of one.
    public var redis: RedisConfiguration?
    /// How long a silent node's connections stay in the inventory.
    public var lease: Duration
    /// Of the broker; without Redis nothing of it applies.
    public var relay: BrokerSettings
    /// Sentences a second about single clients' joins and leaves; nil: none at all.
    public var announcementsPerSecond: Int?

    // MARK: - Clients

    /// Whose messages go to everybody.
    public var clientMessages: ClientMessages
    /// Of the times in messages to clients.
    public var timestampPrecision: Timestamp.Precision
    /// Whether `/ws?user=` names a connection's user.
    public var acceptsUserQuery: Bool
    var access: AccessConfiguration
    public var maximumMessageBytes: Int
    public var maximumUnsentBytes: Int
    /// Whether clients that offer permessage-deflate get it.
    public var compresses: Bool
    public var pingInterval: Duration
    public var closeTimeout: Duration
    public var maximumFramesPerMessage: Int
    var bounds: ConnectionLimits
    var admission: AdmissionSettings

    // MARK: - HTTP

    public var maximumBodyBytes: Int
    public var maximumHeaderBytes: Int
    public var maximumHeaderFields: Int
    public var bodyTimeout: Duration
    /// Under way at once.
    public var maximumRequests: Int
    /// Whose pages may use the API in a browser.
    public var corsOrigins: AllowedOrigins
    /// For `/swagger`; nil: from a CDN.
    var swaggerAssets: SwaggerAssets?
    public var handshakeTimeout: Duration
    public var idleTimeout: Duration

    // MARK: - Going away

    /// From "not ready" to the first close, for the load balancer to notice.
    public var drainDelay: Duration
    /// For all clients to be closed, after the delay.
    public var drainTimeout: Duration

    // MARK: - Logs

    public var logLevel: Logger.Level
    public var logFormat: LogFormat
}
