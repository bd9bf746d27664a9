/// The options of `volary serve`: `--node-name`, `VOLARY_NODE_NAME`, and `"node-name"` in the file are one.
public enum ConfigurationOption: String, CaseIterable, Sendable {
    case host
    case port
    case tlsCertificate = "tls-certificate"
    case tlsKey = "tls-key"
    case nodeName = "node-name"
    case threads
    case redis
    case redisPrefix = "redis-prefix"
    case lease
    case delivery
    case historyMessages = "history-messages"
    case historyBytes = "history-bytes"
    case historyAge = "history-age"
    case announcementsPerSecond = "announcements-per-second"
    case insecureUserQuery = "insecure-user-query"
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

    /// Nil where there is no default text: the option is absent, or its default depends on the machine.
    public var defaultValue: String? {
        switch self {
        case .host: "127.0.0.1"
        case .port: "8080"
        case .tlsCertificate, .tlsKey, .nodeName, .threads, .redis, .corsOrigins, .swaggerAssets: nil
        case .redisPrefix: "volary"
        case .lease: "5s"
        case .delivery: "logged"
        case .historyMessages: "10000"
        case .historyBytes: "8MiB"
        case .historyAge: "5m"
        case .announcementsPerSecond: "10"
        case .insecureUserQuery: "off"
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
        case .maximumBody: "2MiB"
        case .maximumHeader: "16KiB"
        case .handshakeTimeout: "10s"
        case .idleTimeout: "60s"
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
        case .nodeName: "Name of the node, 1 to 64 letters, digits, '.', '_', '-'. Default: the host's name and the port."
        case .threads: "Event loops, 1 to 256. Default: one per core."
        case .redis: "redis://[user:password@]host[:port][/db], rediss:// for TLS. Default: none, a cluster of one node."
        case .redisPrefix: "Starts every key and channel in Redis; clusters that share a Redis need different ones."
        case .lease: "How long a silent node's connections stay listed, 1s to 5m."
        case .delivery:
            "logged: Redis keeps what is published, nodes fetch what they missed. at-most-once: what they miss is lost."
        case .historyMessages: "Messages kept in Redis for each topic, 16 to 1000000."
        case .historyBytes: "Bytes kept in Redis for each topic, 64KiB to 32MiB; one message may be larger."
        case .historyAge: "How long a message is kept in Redis, 1s to 1h."
        case .announcementsPerSecond:
            "Joins and leaves told one by one each second before they are summed up, 0 to 1000; 'off' tells none."
        case .insecureUserQuery:
            "/ws?user=NAME names a connection's user, so that anyone may be anyone: for trials. As a variable: on or off."
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
        case .maximumBody: "Largest body of a REST request, 1KiB to 64MiB."
        case .maximumHeader: "Largest header block of a request, 1KiB to 1MiB."
        case .corsOrigins:
            "Origins whose pages may use the API in a browser, with commas between them, or '*'. Default: none but the node's own."
        case .swaggerAssets:
            "Directory with swagger-ui-bundle.js and swagger-ui.css for /swagger. Default: none, they come from a CDN."
        case .handshakeTimeout: "From the accepted socket to a whole request head, 100ms to 1m."
        case .idleTimeout: "An HTTP connection without a request is closed after this, 1s to 1h."
        case .drainDelay: "From not ready to the first closed client, 0s to 5m: the time a load balancer needs to notice."
        case .drainTimeout: "For all clients to be closed after that, 100ms to 10m."
        case .logLevel: "trace, debug, info, notice, warning, error or critical."
        case .logFormat: "text or json."
        }
    }
}
