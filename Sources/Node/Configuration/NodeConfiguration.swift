public import Logging
public import VolaryBackplane
public import VolaryProtocol

/// The complete, checked configuration of a node. Made by ``ConfigurationLoader``; the defaults are in ``ConfigurationOption``.
public struct NodeConfiguration: Sendable {
    public enum LogFormat: String, Sendable, CaseIterable {
        case text
        case json
    }

    // MARK: - The node

    /// Address to listen on.
    public var host: String
    /// 0: any free port.
    public var port: Int
    /// Nil: plain HTTP and WebSocket.
    var tls: ServerTLS?
    /// 1 to 64 letters, digits, `.`, `_` and `-`. Nil: the host name and the port, see ``NodeName``.
    public var name: String?
    /// Number of event loops.
    public var threads: Int

    // MARK: - The cluster

    /// Nil: the memory broker, for a cluster of one node.
    public var redis: RedisConfiguration?
    /// How long the connections of a node that does not renew its lease stay listed.
    public var lease: Duration
    /// Settings of the Redis broker; unused without Redis.
    public var broker: BrokerSettings
    /// The most that the keys of idempotent requests take in Redis.
    public var idempotencyBytes: Int
    /// Memory for what became of messages. Nil: nothing is remembered.
    public var traceBytes: Int?
    /// Announcements per second about single clients' joins and leaves; above that they are summarized. Nil: no announcements.
    public var announcementsPerSecond: Int?

    // MARK: - Clients

    /// Which clients' messages are relayed to all clients.
    public var clientMessages: ClientMessages
    /// Precision of the times in messages to clients.
    public var timestampPrecision: Timestamp.Precision
    /// Whether `/ws?user=` sets a connection's user.
    public var acceptsUserQuery: Bool
    var access: AccessConfiguration
    /// Hubs of Web PubSub with event handlers; nil: none.
    var events: EventConfiguration?
    public var maximumMessageBytes: Int
    /// Of a client of SignalR.
    public var maximumRecordBytes: Int
    var hubCalls: HubCallSettings
    public var maximumUnsentBytes: Int
    /// Whether permessage-deflate is used for clients that offer it.
    public var compresses: Bool
    public var pingInterval: Duration
    public var closeTimeout: Duration
    public var maximumFramesPerMessage: Int
    var connectionLimits: ConnectionLimits
    var hubLimits: HubQuota.Limits
    var admission: AdmissionSettings

    // MARK: - HTTP

    public var maximumBodyBytes: Int
    public var maximumHeaderBytes: Int
    public var maximumHeaderFields: Int
    public var bodyTimeout: Duration
    /// REST requests in progress at once.
    public var maximumRequests: Int
    /// Requests of clients of SignalR that wait for another node at once.
    public var maximumForwardedRequests: Int
    /// Origins whose pages may use the API in a browser.
    public var corsOrigins: AllowedOrigins
    /// Files for `/swagger`; nil: loaded from a CDN.
    var swaggerAssets: SwaggerAssets?
    /// Which connections may speak HTTP/2.
    public var http2: HTTP2Mode
    /// Open streams on one HTTP/2 connection: WebSockets and requests.
    public var maximumStreams: Int
    public var handshakeTimeout: Duration
    public var idleTimeout: Duration

    // MARK: - Shutdown

    /// From "not ready" to the first closed connection: time for the load balancer to notice.
    public var drainDelay: Duration
    /// After the delay: time to close all connections.
    public var drainTimeout: Duration

    // MARK: - Logs

    public var logLevel: Logger.Level
    public var logFormat: LogFormat
}
