/// The options of `volary serve`: `--node-name`, `VOLARY_NODE_NAME`, and `"node-name"` in the file are one.
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
    case allowedOrigins = "allowed-origins"
    case insecure
    case maximumMessage = "max-message"
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
    case maximumConnections = "max-connections"
    case maximumConnectionsPerAddress = "max-connections-per-address"
    case trustedProxies = "trusted-proxies"
    case forwardedHeader = "forwarded-header"
    case proxyProtocol = "proxy-protocol"
    case maximumHeaderFields = "max-header-fields"
    case bodyTimeout = "body-timeout"
    case maximumRequests = "max-requests"
    case maximumBody = "max-body"
    case maximumHeader = "max-header"
    case corsOrigins = "cors-origins"
    case swaggerAssets = "swagger-assets"
    case handshakeTimeout = "handshake-timeout"
    case idleTimeout = "idle-timeout"
    case drainDelay = "drain-delay"
    case drainTimeout = "drain-timeout"
    case logLevel = "log-level"
    case logFormat = "log-format"

    /// The environment variable of the option.
    var variable: String { Self.variable(named: self.rawValue) }

    /// - Parameter name: of an option, or `config`, which names the file and is no option of it.
    static func variable(named name: String) -> String { "VOLARY_" + name.uppercased().replacing("-", with: "_") }

    /// Whether the only values are `on` and `off`, so that the file may have `true` and `false`.
    var isSwitch: Bool {
        switch self {
        case .insecureUserQuery, .anonymousClients, .insecure, .compression, .proxyProtocol: true
        default: false
        }
    }

    /// Nil where there is no default text: the option is absent, or its default depends on the machine.
    public var defaultValue: String? {
        switch self {
        case .host: "127.0.0.1"
        case .port: "8080"
        case .tlsCertificate, .tlsKey, .nodeName, .threads, .redis, .redisAuthorities, .corsOrigins, .swaggerAssets: nil
        case .apiKey, .apiKeys, .jwtKey, .jwks, .jwtAudience, .jwtIssuer, .jwtPermissionsClaim, .allowedOrigins: nil
        case .maximumConnections, .trustedProxies: nil
        // As everybody may on an open node; less where there are credentials.
        case .clientMessages, .announcementsPerSecond: nil
        case .redisPrefix: "volary"
        case .lease: "5s"
        case .delivery: "logged"
        case .historyMessages: "10000"
        case .historyBytes: "8MiB"
        case .historyIdleBytes: "256MiB"
        case .historyAge: "5m"
        case .canaryInterval: "2s"
        case .timestampPrecision: "seconds"
        case .insecureUserQuery: "off"
        case .jwtUserClaim: "sub"
        case .jwtGroupsClaim: "groups"
        case .anonymousClients, .insecure: "off"
        case .maximumMessage: "1MiB"
        case .maximumUnsent: "1MiB"
        case .compression: "off"
        case .pingInterval: "30s"
        case .closeTimeout: "5s"
        case .maximumFrames: "16384"
        case .messageTimeout: "60s"
        case .maximumUnsentAge: "30s"
        case .clientIdleTimeout, .messageRate, .byteRate: "off"
        case .overRate: "close"
        case .maximumConnectionsPerAddress, .proxyProtocol: "off"
        case .forwardedHeader: "x-forwarded-for"
        case .maximumHeaderFields: "100"
        case .bodyTimeout: "30s"
        case .maximumRequests: "1000"
        case .maximumBody: "2MiB"
        case .maximumHeader: "16KiB"
        case .handshakeTimeout: "10s"
        case .idleTimeout: "75s"
        case .drainDelay: "0s"
        case .drainTimeout: "10s"
        case .logLevel: "info"
        case .logFormat: "text"
        }
    }

    /// One sentence: what it does, and why the default is what it is where that is not plain.
    public var help: String {
        switch self {
        case .host: "Address to listen on."
        case .port: "Port to listen on; 0 takes any free one."
        case .tlsCertificate: "PEM file: the node's certificate and its chain; the port speaks TLS then. Read again on SIGHUP."
        case .tlsKey: "PEM file with the certificate's private key. Read again on SIGHUP."
        case .nodeName:
            "Name of the node, 1 to 64 letters, digits, '.', '_', '-', and no other's that lives. Default: of the host and the port."
        case .threads: "Event loops, 1 to 256. Default: one per core."
        case .redis: "redis://[user:password@]host[:port][/db], or redis+sentinel://…; rediss for TLS. Default: none, one node."
        case .redisPrefix: "Starts every key and channel in Redis; clusters that share a Redis need different ones."
        case .redisAuthorities: "PEM file with the authorities to trust for rediss://. Default: the system's."
        case .lease: "How long a silent node's connections stay listed, 1s to 5m."
        case .delivery:
            "logged: Redis keeps what is published, nodes fetch what they missed. at-most-once: what they miss is lost."
        case .historyMessages: "Messages kept in Redis for each topic, 16 to 1000000."
        case .historyBytes: "Bytes kept in Redis for each topic, 64KiB to 32MiB; one message may be larger."
        case .historyIdleBytes: "Bytes that all topics without a subscriber may log within --history-age, 1MiB to 1048576MiB."
        case .historyAge: "How long a message is kept in Redis, 1s to 1h."
        case .canaryInterval: "For a message of a node to itself through Redis, 100ms to 1m; longer: it connects anew."
        case .announcementsPerSecond:
            "Joins and leaves told to all, one by one, 0 to 1000 a second. Default: 10; off where there are keys."
        case .clientMessages:
            "Whose messages go to every client: all, permitted (by the token) or off. Default: all; less where there are keys."
        case .timestampPrecision: "How exact the times in messages to clients are: seconds or milliseconds."
        case .insecureUserQuery:
            "/ws?user=NAME names a connection's user, so that anyone may be anyone: for trials. As a variable: on or off."
        case .apiKey: "A key that may do everything over REST. Better as a variable: other users of the machine see flags."
        case .apiKeys: "File with SHA-256 hashes of REST keys and their permissions, read again on SIGHUP. Default: none."
        case .jwtKey: "File with the keys that tokens are signed with, PEM or secrets, read again on SIGHUP. Default: none."
        case .jwks: "The same as a JSON Web Key Set. With either, clients and REST callers need a token. Default: none."
        case .jwtAudience: "What a token's aud must have in it. Default: none, tokens must have no aud."
        case .jwtIssuer: "What a token's iss must be. Default: any."
        case .jwtUserClaim: "The claim of a token that has the user: a name, or a JSON Pointer such as /user/id."
        case .jwtGroupsClaim: "The claim of a token that has the groups: a name, or a JSON Pointer."
        case .jwtPermissionsClaim:
            "The claim of a token that has the permissions. Default: permissions, scope, scp and roles together."
        case .anonymousClients: "Clients may connect without a token also where there are keys. As a variable: on or off."
        case .allowedOrigins: "Origins whose pages may open WebSockets beside the node's own, with commas, or '*'. Default: none."
        case .insecure: "Listens where others reach it although everybody may do everything. As a variable: on or off."
        case .maximumMessage: "Largest message of a client, 1 byte to 16MiB; larger ones close the connection with 1009."
        case .maximumUnsent: "Bytes that may wait for a client that reads slowly, 64KiB to 256MiB; past it: 1013."
        case .compression:
            "Compresses messages of 128 bytes and more for clients that offer it (permessage-deflate). As a variable: on or off."
        case .pingInterval: "Between pings, 1s to 1h; a client silent from one to the next is dead."
        case .closeTimeout: "For a client to answer a close, 100ms to 1m; then its socket is cut."
        case .maximumFrames: "Frames of one message of a client, 1 to 1000000; more close the connection with 1008."
        case .messageTimeout: "From the first byte of a client's message to its last, 1s to 1h; longer: 3008."
        case .maximumUnsentAge: "How long a byte may wait for a client that reads slowly, 1s to 10m; longer: 1013."
        case .clientIdleTimeout:
            "A client that sends no message for so long, 1s to 24h, is closed with 3008; 'off': it may be silent."
        case .messageRate: "Messages, pings and pongs of one client a second, 1 to 1000000; 'off': any number."
        case .byteRate: "Bytes of one client a second, 1KiB to 512MiB, frame headers included; 'off': any number."
        case .overRate: "What is done past a rate: 'close' with 1008, or 'drop' the message and tell its sender."
        case .maximumConnections:
            "Open sockets, 1 to 1000000; WebSockets past it get 503. Default, and at most: what the limit of open files allows."
        case .maximumConnectionsPerAddress:
            "Open sockets of one address, of IPv6 one /64, 1 to 1000000; past it 429. 'off': any number."
        case .trustedProxies:
            "Proxies that are believed whose requests they pass on: 10.0.0.0/8,192.0.2.1. Default: none."
        case .forwardedHeader: "Where they say it: x-forwarded-for or forwarded. Only one is looked at."
        case .proxyProtocol: "'on': connections of trusted proxies begin with a PROXY header, version 1 or 2."
        case .maximumHeaderFields: "Header fields of a request, 10 to 1000; more: 431."
        case .bodyTimeout: "For the body of a REST request to be whole, 1s to 10m; longer: 408."
        case .maximumRequests: "REST requests under way at once, 1 to 100000; more: 503."
        case .maximumBody: "Largest body of a REST request, 1KiB to 64MiB."
        case .maximumHeader: "Largest header block of a request, 1KiB to 1MiB."
        case .corsOrigins:
            "Origins whose pages may use the API in a browser, with commas between them, or '*'. Default: none but the node's own."
        case .swaggerAssets:
            "Directory with swagger-ui-bundle.js and swagger-ui.css for /swagger. Default: none, they come from a CDN."
        case .handshakeTimeout: "From the accepted socket to a whole request head, 100ms to 1m."
        case .idleTimeout: "An HTTP connection without a request is closed after this, 1s to 1h; balancers should do so before."
        case .drainDelay: "From not ready to the first closed client, 0s to 5m: the time a load balancer needs to notice."
        case .drainTimeout: "For all clients to be closed after that, 100ms to 10m."
        case .logLevel: "trace, debug, info, notice, warning, error or critical."
        case .logFormat: "text or json."
        }
    }
}
