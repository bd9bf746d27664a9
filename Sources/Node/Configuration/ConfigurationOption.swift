/// The options of `volary serve`. `--node-name`, `VOLARY_NODE_NAME` and `"node-name"` in the file are the same option.
public enum ConfigurationOption: String, CaseIterable, Sendable {
    case host
    case port
    case tlsCertificate = "tls-certificate"
    case tlsKey = "tls-key"
    case redis
    case redisPrefix = "redis-prefix"
    case redisAuthorities = "redis-ca"
    case nodeName = "node-name"
    case threads
    case lease
    case delivery
    case historyMessages = "history-messages"
    case historyBytes = "history-bytes"
    case historyAge = "history-age"
    case historyIdleBytes = "history-idle-bytes"
    case idempotencyBytes = "idempotency-bytes"
    case traceBytes = "trace-bytes"
    case canaryInterval = "canary-interval"
    case announcementsPerSecond = "announcements-per-second"
    case clientMessages = "client-messages"
    case timestampPrecision = "timestamp-precision"
    case insecureUserQuery = "insecure-user-query"
    case apiKey = "api-key"
    case apiKeys = "api-keys"
    case jwtKey = "jwt-key"
    case jwks
    case jwtAudience = "jwt-audience"
    case jwtIssuer = "jwt-issuer"
    case jwtUserClaim = "jwt-user-claim"
    case jwtGroupsClaim = "jwt-groups-claim"
    case jwtPermissionsClaim = "jwt-permissions-claim"
    case anonymousClients = "anonymous-clients"
    case accessKey = "access-key"
    case accessKeys = "access-keys"
    case publicHosts = "public-hosts"
    case hubs
    case eventHandler = "event-handler"
    case eventHub = "event-hub"
    case userEvents = "user-events"
    case systemEvents = "system-events"
    case allowedOrigins = "allowed-origins"
    case insecure
    case maximumMessage = "max-message"
    case maximumRecord = "max-record"
    case signalRKeepAlive = "signalr-keep-alive"
    case signalRClientTimeout = "signalr-client-timeout"
    case signalRHandshakeTimeout = "signalr-handshake-timeout"
    case hubStreams = "hub-streams"
    case hubClientResults = "hub-client-results"
    case maximumUnsent = "max-unsent"
    case compression
    case pingInterval = "ping-interval"
    case closeTimeout = "close-timeout"
    case maximumFrames = "max-frames"
    case messageTimeout = "message-timeout"
    case maximumUnsentAge = "max-unsent-age"
    case clientIdleTimeout = "client-idle-timeout"
    case messageRate = "message-rate"
    case byteRate = "byte-rate"
    case overRate = "over-rate"
    case hubConnections = "hub-connections"
    case hubMessageRate = "hub-message-rate"
    case hubByteRate = "hub-byte-rate"
    case hubStorage = "hub-storage"
    case maximumConnections = "max-connections"
    case maximumConnectionsPerAddress = "max-connections-per-address"
    case trustedProxies = "trusted-proxies"
    case forwardedHeader = "forwarded-header"
    case proxyProtocol = "proxy-protocol"
    case maximumHeaderFields = "max-header-fields"
    case bodyTimeout = "body-timeout"
    case maximumRequests = "max-requests"
    case maximumForwarded = "max-forwarded"
    case maximumBody = "max-body"
    case maximumHeader = "max-header"
    case corsOrigins = "cors-origins"
    case swaggerAssets = "swagger-assets"
    case http2
    case maximumStreams = "max-streams"
    case handshakeTimeout = "handshake-timeout"
    case idleTimeout = "idle-timeout"
    case drainDelay = "drain-delay"
    case drainTimeout = "drain-timeout"
    case logLevel = "log-level"
    case logFormat = "log-format"

    /// The environment variable of the option.
    var variable: String { Self.variable(named: self.rawValue) }

    /// - Parameter name: an option's name, or `config`, which names the file and cannot be set in it.
    static func variable(named name: String) -> String { "VOLARY_" + name.uppercased().replacing("-", with: "_") }

    /// Whether the only values are `on` and `off`. The file then also accepts `true` and `false`.
    var isSwitch: Bool {
        switch self {
        case .insecureUserQuery, .anonymousClients, .insecure, .compression, .proxyProtocol: true
        default: false
        }
    }

    /// Nil when there is no fixed default: the option is unset, or its default depends on the machine or on other options.
    public var defaultValue: String? {
        switch self {
        case .host: "127.0.0.1"
        case .port: "8080"
        case .tlsCertificate, .tlsKey, .nodeName, .threads, .redis, .redisAuthorities, .corsOrigins, .swaggerAssets: nil
        case .apiKey, .apiKeys, .jwtKey, .jwks, .jwtAudience, .jwtIssuer, .jwtPermissionsClaim, .allowedOrigins: nil
        case .accessKey, .accessKeys, .publicHosts, .hubs, .eventHandler, .maximumConnections, .trustedProxies: nil
        case .eventHub: "default"
        case .userEvents: "*"
        case .systemEvents: "none"
        // The default depends on whether credentials are configured.
        case .clientMessages, .announcementsPerSecond: nil
        case .redisPrefix: "volary"
        case .lease: "5s"
        case .delivery: "logged"
        case .historyMessages: "10000"
        case .historyBytes, .traceBytes: "8MiB"
        case .historyIdleBytes, .idempotencyBytes: "256MiB"
        case .historyAge: "5m"
        case .canaryInterval: "2s"
        case .timestampPrecision: "seconds"
        case .insecureUserQuery: "off"
        case .jwtUserClaim: "sub"
        case .jwtGroupsClaim: "groups"
        case .anonymousClients, .insecure: "off"
        case .maximumMessage: "1MiB"
        case .maximumRecord: "32KiB"
        case .signalRKeepAlive, .signalRHandshakeTimeout: "15s"
        case .signalRClientTimeout: "30s"
        case .hubStreams, .hubClientResults: "100"
        case .maximumUnsent: "1MiB"
        case .compression: "off"
        case .pingInterval: "30s"
        case .closeTimeout: "5s"
        case .maximumFrames: "16384"
        case .messageTimeout: "60s"
        case .maximumUnsentAge: "30s"
        case .clientIdleTimeout, .messageRate, .byteRate: "off"
        case .overRate: "close"
        case .hubConnections, .hubMessageRate, .hubByteRate, .hubStorage: "off"
        case .maximumConnectionsPerAddress, .proxyProtocol: "off"
        case .forwardedHeader: "x-forwarded-for"
        case .maximumHeaderFields: "100"
        case .bodyTimeout: "30s"
        case .maximumRequests: "1000"
        case .maximumForwarded: "10000"
        case .maximumBody: "2MiB"
        case .maximumHeader: "16KiB"
        case .http2: "tls"
        case .maximumStreams: "1000"
        case .handshakeTimeout: "10s"
        case .idleTimeout: "75s"
        case .drainDelay: "0s"
        case .drainTimeout: "10s"
        case .logLevel: "info"
        case .logFormat: "text"
        }
    }

    /// What the option does, its range and its effect at the limit, in one or two short sentences.
    public var help: String {
        switch self {
        case .host: "Address to listen on."
        case .port: "Port to listen on; 0: any free port."
        case .tlsCertificate: "PEM file with the node's certificate and its chain; enables TLS. Read again on SIGHUP."
        case .tlsKey: "PEM file with the certificate's private key. Read again on SIGHUP."
        case .nodeName:
            "Name of the node, unique in the cluster: 1 to 64 letters, digits, '.', '_', '-'. Default: host name and port."
        case .threads: "Number of event loops, 1 to 256. Default: one per core."
        case .redis:
            "redis://[user:password@]host[:port][/db], or redis+sentinel://…; rediss for TLS. Default: none, a single node."
        case .redisPrefix: "Prefix of every key and channel in Redis. Clusters that share a Redis need different prefixes."
        case .redisAuthorities: "PEM file with the certificate authorities to trust for rediss://. Default: the system's."
        case .lease: "How long connections of a node without heartbeats stay listed, 1s to 5m."
        case .delivery:
            "logged: Redis keeps messages, and nodes fetch those they missed. at-most-once: missed messages are lost."
        case .historyMessages: "Maximum number of messages kept in Redis for each topic, 16 to 1000000."
        case .historyBytes: "Maximum bytes kept in Redis for each topic, 64KiB to 32MiB; a single message may be larger."
        case .historyIdleBytes: "Total bytes that topics without subscribers may log within --history-age, 1MiB to 1048576MiB."
        case .idempotencyBytes:
            "Total bytes of Idempotency-Keys in Redis, 1MiB to 1048576MiB; each counts 512 and its name and answer."
        case .historyAge: "Maximum age of messages kept in Redis, 1s to 1h."
        case .traceBytes: "Memory for what became of the last messages (/api/messages/{id}), 64KiB to 1024MiB, or off."
        case .canaryInterval:
            "Time for a node's test message to itself through Redis, 100ms to 1m; if none returns, the node reconnects."
        case .announcementsPerSecond:
            "Single joins and leaves announced to all clients per second, 0 to 1000. Default: 10; off with credentials."
        case .clientMessages:
            "Clients whose messages go to all clients: all, permitted (by token) or off. Default: all; with credentials fewer."
        case .timestampPrecision: "Precision of the times in messages to clients: seconds or milliseconds."
        case .insecureUserQuery:
            "/ws?user=NAME sets a connection's user without proof: for testing only. As a variable: on or off."
        case .apiKey:
            "REST key with all permissions. Better set as a variable: other users of the machine can see flags."
        case .apiKeys: "File with SHA-256 hashes of REST keys and their permissions, read again on SIGHUP. Default: none."
        case .jwtKey: "File with keys to verify tokens, PEM or secrets, read again on SIGHUP. Default: none."
        case .jwks:
            "The same as a JSON Web Key Set. With either option, clients and REST callers need a token. Default: none."
        case .jwtAudience: "Value that a token's aud must contain. Default: none; tokens must have no aud."
        case .jwtIssuer: "Value that a token's iss must have. Default: any."
        case .jwtUserClaim: "Token claim with the user: a name, or a JSON Pointer such as /user/id."
        case .jwtGroupsClaim: "Token claim with the groups: a name, or a JSON Pointer."
        case .jwtPermissionsClaim:
            "Token claim with the permissions. Default: permissions, scope, scp and roles combined."
        case .anonymousClients: "Allow clients without a token when credentials are configured. As a variable: on or off."
        case .accessKey:
            "Key of Web PubSub's clients and callers. Better set as a variable: other users of the machine can see flags."
        case .accessKeys:
            "File with one or two keys of Web PubSub's clients and callers, read again on SIGHUP. Default: none."
        case .publicHosts:
            "Names that Web PubSub's tokens may have this node by, separated by commas. Default: what Host says."
        case .hubs: "JSON file of Web PubSub's hubs with their event handlers and routes, read again on SIGHUP. Default: none."
        case .eventHandler:
            "URL of an event handler of one hub, with {hub} and {event} for their names, in place of --hubs. Default: none."
        case .eventHub: "Hub of --event-handler."
        case .userEvents: "Events of clients that --event-handler gets: '*' for all, or names separated by commas."
        case .systemEvents: "System events that it gets: none, or a list of connect, connected and disconnected."
        case .allowedOrigins:
            "Other origins whose pages may open WebSockets, separated by commas, or '*'. Default: only the node's own."
        case .insecure:
            "Allow a non-loopback address without credentials: everyone who reaches it has full control. As a variable: on or off."
        case .maximumMessage: "Largest message of a client, 1 byte to 16MiB; above it the connection closes with 1009."
        case .maximumRecord: "Largest record of a client of SignalR, 1KiB to 16MiB; above it the connection closes."
        case .signalRKeepAlive: "Time between pings to a client of SignalR, 1s to 1h."
        case .signalRClientTimeout: "A client of SignalR that pings and then is silent for this time is disconnected, 1s to 2h."
        case .signalRHandshakeTimeout: "Time for the handshake of a client of SignalR, 1s to 10m."
        case .hubStreams: "Calls of methods that stream which run at once for one client of a hub, 1 to 10000."
        case .hubClientResults: "Calls of a client of a hub that it has not answered, 1 to 10000."
        case .maximumUnsent: "Send queue of a connection, 64KiB to 256MiB; above it the connection closes with 1013."
        case .compression:
            "Compress messages of 128 bytes and more for clients that offer permessage-deflate. As a variable: on or off."
        case .pingInterval: "Time between pings, 1s to 1h; a client that sends nothing between two pings counts as dead."
        case .closeTimeout: "Time for a client to answer a close, 100ms to 1m; then its socket is closed."
        case .maximumFrames: "Frames in one message of a client, 1 to 1000000; above it the connection closes with 1008."
        case .messageTimeout: "Time to receive one message of a client, 1s to 1h; then the connection closes with 3008."
        case .maximumUnsentAge:
            "How long data may wait in a connection's send queue, 1s to 10m; then the connection closes with 1013."
        case .clientIdleTimeout:
            "Time without a message of a client, 1s to 24h; then the connection closes with 3008. 'off': no limit."
        case .messageRate: "Messages, pings and pongs of one client per second, 1 to 1000000. 'off': no limit."
        case .byteRate: "Bytes of one client per second, including frame headers, 1KiB to 512MiB. 'off': no limit."
        case .overRate: "Above a rate limit: 'close' with 1008, or 'drop' the message and notify its sender."
        case .hubConnections: "Connections of each hub on this node, 1 to 1000000; above it 429. 'off': no limit."
        case .hubMessageRate:
            "Messages of each hub per second on this node, 1 to 1000000; above it REST gets 429. 'off': no limit."
        case .hubByteRate: "Bytes in the messages of each hub per second on this node, 1KiB to 512MiB. 'off': no limit."
        case .hubStorage:
            "Bytes that each hub may keep in Redis, messages and sessions, 1MiB to 1048576MiB; above it 429. 'off': no limit."
        case .maximumConnections:
            "Open sockets, 1 to 1000000; WebSockets above it get 503. Default and maximum: what the open-file limit allows."
        case .maximumConnectionsPerAddress:
            "Open sockets of one address (IPv6: one /64), 1 to 1000000; above it 429. 'off': no limit."
        case .trustedProxies:
            "Addresses whose forwarding headers are trusted, such as 10.0.0.0/8,192.0.2.1. Default: none."
        case .forwardedHeader:
            "Header with the client's address: x-forwarded-for or forwarded. The other one is ignored."
        case .proxyProtocol: "'on': connections of trusted proxies begin with a PROXY header, version 1 or 2."
        case .maximumHeaderFields: "Header fields of a request, 10 to 1000; above it 431."
        case .bodyTimeout: "Time to receive the body of a REST request, 1s to 10m; then 408."
        case .maximumRequests: "REST requests in progress at once, 1 to 100000; above it 503."
        case .maximumForwarded: "SignalR requests that wait for another node at once, 1 to 100000; above it 503."
        case .maximumBody: "Largest body of a REST request, 1KiB to 64MiB."
        case .maximumHeader: "Largest header of a request, 1KiB to 1MiB."
        case .corsOrigins:
            "Other origins whose pages may use the API, separated by commas, or '*'. Default: only the node's own."
        case .swaggerAssets:
            "Directory with swagger-ui-bundle.js and swagger-ui.css for /swagger. Default: none; loaded from a CDN."
        case .http2: "HTTP/2: tls: with TLS, by ALPN; on: without TLS too, for clients that begin with it; off."
        case .maximumStreams: "Open streams of one HTTP/2 connection, 1 to 10000; each WebSocket on it is one."
        case .handshakeTimeout: "Time from accepting a connection to its first complete request header, 100ms to 1m."
        case .idleTimeout: "Idle time between HTTP requests, 1s to 1h; then closed. Must be longer than your balancer's."
        case .drainDelay: "Shutdown: time from not ready to the first closed client, 0s to 5m, for load balancers to notice."
        case .drainTimeout: "Shutdown: time to close all clients after --drain-delay, 100ms to 10m."
        case .logLevel: "trace, debug, info, notice, warning, error or critical."
        case .logFormat: "text or json."
        }
    }
}
