import ArgumentParser
import Node

/// The flags of `volary serve`, one per ``Node/ConfigurationOption``. All are texts here: ``Node/ConfigurationLoader`` checks them, whichever
/// way they came.
struct Flags: ParsableArguments {
    @Option(help: "A JSON file with any of these options.")
    var config: String?

    @Option(name: .customLong("host"), help: Self.help(.host))
    var host: String?

    @Option(name: .customLong("port"), help: Self.help(.port))
    var port: String?

    @Option(name: .customLong("tls-certificate"), help: Self.help(.tlsCertificate))
    var tlsCertificate: String?

    @Option(name: .customLong("tls-key"), help: Self.help(.tlsKey))
    var tlsKey: String?

    @Option(name: .customLong("node-name"), help: Self.help(.nodeName))
    var nodeName: String?

    @Option(name: .customLong("threads"), help: Self.help(.threads))
    var threads: String?

    @Option(name: .customLong("redis"), help: Self.help(.redis))
    var redis: String?

    @Option(name: .customLong("redis-prefix"), help: Self.help(.redisPrefix))
    var redisPrefix: String?

    @Option(name: .customLong("redis-ca"), help: Self.help(.redisAuthorities))
    var redisAuthorities: String?

    @Option(name: .customLong("lease"), help: Self.help(.lease))
    var lease: String?

    @Option(name: .customLong("delivery"), help: Self.help(.delivery))
    var delivery: String?

    @Option(name: .customLong("history-messages"), help: Self.help(.historyMessages))
    var historyMessages: String?

    @Option(name: .customLong("history-bytes"), help: Self.help(.historyBytes))
    var historyBytes: String?

    @Option(name: .customLong("history-age"), help: Self.help(.historyAge))
    var historyAge: String?

    @Option(name: .customLong("canary-interval"), help: Self.help(.canaryInterval))
    var canaryInterval: String?

    @Option(name: .customLong("announcements-per-second"), help: Self.help(.announcementsPerSecond))
    var announcementsPerSecond: String?

    @Flag(name: .customLong("insecure-user-query"), help: Self.help(.insecureUserQuery))
    var insecureUserQuery = false

    @Option(name: .customLong("api-key"), help: Self.help(.apiKey))
    var apiKey: String?

    @Option(name: .customLong("api-keys"), help: Self.help(.apiKeys))
    var apiKeys: String?

    @Option(name: .customLong("jwt-key"), help: Self.help(.jwtKey))
    var jwtKey: String?

    @Option(name: .customLong("jwks"), help: Self.help(.jwks))
    var jwks: String?

    @Option(name: .customLong("jwt-audience"), help: Self.help(.jwtAudience))
    var jwtAudience: String?

    @Option(name: .customLong("jwt-issuer"), help: Self.help(.jwtIssuer))
    var jwtIssuer: String?

    @Flag(name: .customLong("anonymous-clients"), help: Self.help(.anonymousClients))
    var anonymousClients = false

    @Option(name: .customLong("allowed-origins"), help: Self.help(.allowedOrigins))
    var allowedOrigins: String?

    @Flag(name: .customLong("insecure"), help: Self.help(.insecure))
    var insecure = false

    @Option(name: .customLong("max-message"), help: Self.help(.maximumMessage))
    var maximumMessage: String?

    @Option(name: .customLong("max-unsent"), help: Self.help(.maximumUnsent))
    var maximumUnsent: String?

    @Flag(name: .customLong("compression"), help: Self.help(.compression))
    var compression = false

    @Option(name: .customLong("ping-interval"), help: Self.help(.pingInterval))
    var pingInterval: String?

    @Option(name: .customLong("close-timeout"), help: Self.help(.closeTimeout))
    var closeTimeout: String?

    @Option(name: .customLong("max-frames"), help: Self.help(.maximumFrames))
    var maximumFrames: String?

    @Option(name: .customLong("message-timeout"), help: Self.help(.messageTimeout))
    var messageTimeout: String?

    @Option(name: .customLong("max-unsent-age"), help: Self.help(.maximumUnsentAge))
    var maximumUnsentAge: String?

    @Option(name: .customLong("client-idle-timeout"), help: Self.help(.clientIdleTimeout))
    var clientIdleTimeout: String?

    @Option(name: .customLong("message-rate"), help: Self.help(.messageRate))
    var messageRate: String?

    @Option(name: .customLong("byte-rate"), help: Self.help(.byteRate))
    var byteRate: String?

    @Option(name: .customLong("over-rate"), help: Self.help(.overRate))
    var overRate: String?

    @Option(name: .customLong("max-connections"), help: Self.help(.maximumConnections))
    var maximumConnections: String?

    @Option(name: .customLong("max-connections-per-address"), help: Self.help(.maximumConnectionsPerAddress))
    var maximumConnectionsPerAddress: String?

    @Option(name: .customLong("trusted-proxies"), help: Self.help(.trustedProxies))
    var trustedProxies: String?

    @Option(name: .customLong("forwarded-header"), help: Self.help(.forwardedHeader))
    var forwardedHeader: String?

    @Option(name: .customLong("proxy-protocol"), help: Self.help(.proxyProtocol))
    var proxyProtocol: String?

    @Option(name: .customLong("max-header-fields"), help: Self.help(.maximumHeaderFields))
    var maximumHeaderFields: String?

    @Option(name: .customLong("body-timeout"), help: Self.help(.bodyTimeout))
    var bodyTimeout: String?

    @Option(name: .customLong("max-requests"), help: Self.help(.maximumRequests))
    var maximumRequests: String?

    @Option(name: .customLong("max-body"), help: Self.help(.maximumBody))
    var maximumBody: String?

    @Option(name: .customLong("max-header"), help: Self.help(.maximumHeader))
    var maximumHeader: String?

    @Option(name: .customLong("cors-origins"), help: Self.help(.corsOrigins))
    var corsOrigins: String?

    @Option(name: .customLong("swagger-assets"), help: Self.help(.swaggerAssets))
    var swaggerAssets: String?

    @Option(name: .customLong("handshake-timeout"), help: Self.help(.handshakeTimeout))
    var handshakeTimeout: String?

    @Option(name: .customLong("idle-timeout"), help: Self.help(.idleTimeout))
    var idleTimeout: String?

    @Option(name: .customLong("drain-delay"), help: Self.help(.drainDelay))
    var drainDelay: String?

    @Option(name: .customLong("drain-timeout"), help: Self.help(.drainTimeout))
    var drainTimeout: String?

    @Option(name: .customLong("log-level"), help: Self.help(.logLevel))
    var logLevel: String?

    @Option(name: .customLong("log-format"), help: Self.help(.logFormat))
    var logFormat: String?

    var values: [ConfigurationOption: String] {
        let all: [(ConfigurationOption, String?)] = [
            (.host, self.host),
            (.port, self.port),
            (.tlsCertificate, self.tlsCertificate),
            (.tlsKey, self.tlsKey),
            (.nodeName, self.nodeName),
            (.threads, self.threads),
            (.redis, self.redis),
            (.redisPrefix, self.redisPrefix),
            (.redisAuthorities, self.redisAuthorities),
            (.lease, self.lease),
            (.delivery, self.delivery),
            (.historyMessages, self.historyMessages),
            (.historyBytes, self.historyBytes),
            (.historyAge, self.historyAge),
            (.canaryInterval, self.canaryInterval),
            (.announcementsPerSecond, self.announcementsPerSecond),
            (.insecureUserQuery, self.insecureUserQuery ? "on" : nil),
            (.apiKey, self.apiKey),
            (.apiKeys, self.apiKeys),
            (.jwtKey, self.jwtKey),
            (.jwks, self.jwks),
            (.jwtAudience, self.jwtAudience),
            (.jwtIssuer, self.jwtIssuer),
            (.anonymousClients, self.anonymousClients ? "on" : nil),
            (.allowedOrigins, self.allowedOrigins),
            (.insecure, self.insecure ? "on" : nil),
            (.maximumMessage, self.maximumMessage),
            (.maximumUnsent, self.maximumUnsent),
            (.compression, self.compression ? "on" : nil),
            (.pingInterval, self.pingInterval),
            (.closeTimeout, self.closeTimeout),
            (.maximumFrames, self.maximumFrames),
            (.messageTimeout, self.messageTimeout),
            (.maximumUnsentAge, self.maximumUnsentAge),
            (.clientIdleTimeout, self.clientIdleTimeout),
            (.messageRate, self.messageRate),
            (.byteRate, self.byteRate),
            (.overRate, self.overRate),
            (.maximumConnections, self.maximumConnections),
            (.maximumConnectionsPerAddress, self.maximumConnectionsPerAddress),
            (.trustedProxies, self.trustedProxies),
            (.forwardedHeader, self.forwardedHeader),
            (.proxyProtocol, self.proxyProtocol),
            (.maximumHeaderFields, self.maximumHeaderFields),
            (.bodyTimeout, self.bodyTimeout),
            (.maximumRequests, self.maximumRequests),
            (.maximumBody, self.maximumBody),
            (.maximumHeader, self.maximumHeader),
            (.corsOrigins, self.corsOrigins),
            (.swaggerAssets, self.swaggerAssets),
            (.handshakeTimeout, self.handshakeTimeout),
            (.idleTimeout, self.idleTimeout),
            (.drainDelay, self.drainDelay),
            (.drainTimeout, self.drainTimeout),
            (.logLevel, self.logLevel),
            (.logFormat, self.logFormat),
        ]
        return all.reduce(into: [:]) { $0[$1.0] = $1.1 }
    }

    private static func help(_ option: ConfigurationOption) -> ArgumentHelp {
        ArgumentHelp(stringLiteral: option.defaultValue.map { "\(option.help) (default: \($0))" } ?? option.help)
    }
}
