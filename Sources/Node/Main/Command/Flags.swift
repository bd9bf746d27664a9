import ArgumentParser
import Foundation
import VolaryNode

/// The flags of `volary serve`: one per ``VolaryNode/ConfigurationOption``, in the groups of Configuration.md. All are strings here;
/// ``VolaryNode/ConfigurationLoader`` checks values from all sources.
struct Flags: ParsableArguments {
    @Option(help: "A JSON file with any of these options.")
    var config: String?

    @OptionGroup(title: "Network") var network: NetworkFlags
    @OptionGroup(title: "Cluster") var cluster: ClusterFlags
    @OptionGroup(title: "Access") var access: AccessFlags
    @OptionGroup(title: "Clients") var client: ClientFlags
    @OptionGroup(title: "Connections and proxies") var admission: AdmissionFlags
    @OptionGroup(title: "HTTP") var http: HTTPFlags
    @OptionGroup(title: "Shutdown and logs") var process: ProcessFlags

    var values: [ConfigurationOption: String] {
        let all = [
            self.network.values, self.cluster.values, self.access.values, self.client.values, self.admission.values,
            self.http.values, self.process.values,
        ]
        return all.joined().reduce(into: [:]) { $0[$1.0] = $1.1 }
    }

    /// Reads the flags, the environment and the file, and checks all of it.
    /// - Throws: the end of the program, after what is wrong has been written.
    func load() throws -> (NodeConfiguration, ConfigurationLoader) {
        do throws(ConfigurationError) {
            let loader = try ConfigurationLoader(
                flags: self.values,
                environment: ProcessInfo.processInfo.environment,
                file: self.config
            )
            return (try loader.load(), loader)
        } catch {
            throw Refusal.of(error)
        }
    }
}

extension Option where Value == String? {
    fileprivate init(_ option: ConfigurationOption) {
        self.init(name: .customLong(option.rawValue), help: option.argumentHelp)
    }
}

extension Flag where Value == Bool {
    fileprivate init(wrappedValue: Bool, _ option: ConfigurationOption) {
        self.init(wrappedValue: wrappedValue, name: .customLong(option.rawValue), help: option.argumentHelp)
    }
}

extension ConfigurationOption {
    fileprivate var argumentHelp: ArgumentHelp {
        ArgumentHelp(stringLiteral: self.defaultValue.map { "\(self.help) (default: \($0))" } ?? self.help)
    }
}

// MARK: - Groups

struct NetworkFlags: ParsableArguments {
    @Option(.host) var host: String?
    @Option(.port) var port: String?
    @Option(.tlsCertificate) var tlsCertificate: String?
    @Option(.tlsKey) var tlsKey: String?

    var values: [(ConfigurationOption, String?)] {
        [
            (.host, self.host),
            (.port, self.port),
            (.tlsCertificate, self.tlsCertificate),
            (.tlsKey, self.tlsKey),
        ]
    }
}

struct ClusterFlags: ParsableArguments {
    @Option(.redis) var redis: String?
    @Option(.redisPrefix) var redisPrefix: String?
    @Option(.redisAuthorities) var redisAuthorities: String?
    @Option(.nodeName) var nodeName: String?
    @Option(.threads) var threads: String?
    @Option(.lease) var lease: String?
    @Option(.delivery) var delivery: String?
    @Option(.historyMessages) var historyMessages: String?
    @Option(.historyBytes) var historyBytes: String?
    @Option(.historyAge) var historyAge: String?
    @Option(.historyIdleBytes) var historyIdleBytes: String?
    @Option(.idempotencyBytes) var idempotencyBytes: String?
    @Option(.traceBytes) var traceBytes: String?
    @Option(.canaryInterval) var canaryInterval: String?
    @Option(.announcementsPerSecond) var announcementsPerSecond: String?
    @Option(.timestampPrecision) var timestampPrecision: String?
    @Option(.clientMessages) var clientMessages: String?

    var values: [(ConfigurationOption, String?)] {
        [
            (.redis, self.redis),
            (.redisPrefix, self.redisPrefix),
            (.redisAuthorities, self.redisAuthorities),
            (.nodeName, self.nodeName),
            (.threads, self.threads),
            (.lease, self.lease),
            (.delivery, self.delivery),
            (.historyMessages, self.historyMessages),
            (.historyBytes, self.historyBytes),
            (.historyAge, self.historyAge),
            (.historyIdleBytes, self.historyIdleBytes),
            (.idempotencyBytes, self.idempotencyBytes),
            (.traceBytes, self.traceBytes),
            (.canaryInterval, self.canaryInterval),
            (.announcementsPerSecond, self.announcementsPerSecond),
            (.timestampPrecision, self.timestampPrecision),
            (.clientMessages, self.clientMessages),
        ]
    }
}

struct AccessFlags: ParsableArguments {
    @Flag(.insecureUserQuery) var insecureUserQuery = false
    @Option(.apiKey) var apiKey: String?
    @Option(.apiKeys) var apiKeys: String?
    @Option(.jwtKey) var jwtKey: String?
    @Option(.jwks) var jwks: String?
    @Option(.jwtAudience) var jwtAudience: String?
    @Option(.jwtIssuer) var jwtIssuer: String?
    @Option(.jwtUserClaim) var jwtUserClaim: String?
    @Option(.jwtGroupsClaim) var jwtGroupsClaim: String?
    @Option(.jwtPermissionsClaim) var jwtPermissionsClaim: String?
    @Flag(.anonymousClients) var anonymousClients = false
    @Option(.accessKey) var accessKey: String?
    @Option(.accessKeys) var accessKeys: String?
    @Option(.publicHosts) var publicHosts: String?
    @Option(.hubs) var hubs: String?
    @Option(.eventHandler) var eventHandler: String?
    @Option(.eventHub) var eventHub: String?
    @Option(.userEvents) var userEvents: String?
    @Option(.systemEvents) var systemEvents: String?
    @Option(.allowedOrigins) var allowedOrigins: String?
    @Flag(.insecure) var insecure = false

    var values: [(ConfigurationOption, String?)] {
        [
            (.insecureUserQuery, self.insecureUserQuery ? "on" : nil),
            (.apiKey, self.apiKey),
            (.apiKeys, self.apiKeys),
            (.jwtKey, self.jwtKey),
            (.jwks, self.jwks),
            (.jwtAudience, self.jwtAudience),
            (.jwtIssuer, self.jwtIssuer),
            (.jwtUserClaim, self.jwtUserClaim),
            (.jwtGroupsClaim, self.jwtGroupsClaim),
            (.jwtPermissionsClaim, self.jwtPermissionsClaim),
            (.anonymousClients, self.anonymousClients ? "on" : nil),
            (.accessKey, self.accessKey),
            (.accessKeys, self.accessKeys),
            (.publicHosts, self.publicHosts),
            (.hubs, self.hubs),
            (.eventHandler, self.eventHandler),
            (.eventHub, self.eventHub),
            (.userEvents, self.userEvents),
            (.systemEvents, self.systemEvents),
            (.allowedOrigins, self.allowedOrigins),
            (.insecure, self.insecure ? "on" : nil),
        ]
    }
}

struct ClientFlags: ParsableArguments {
    @Option(.maximumMessage) var maximumMessage: String?
    @Option(.maximumRecord) var maximumRecord: String?
    @Option(.signalRKeepAlive) var signalRKeepAlive: String?
    @Option(.signalRClientTimeout) var signalRClientTimeout: String?
    @Option(.signalRHandshakeTimeout) var signalRHandshakeTimeout: String?
    @Option(.hubStreams) var hubStreams: String?
    @Option(.hubClientResults) var hubClientResults: String?
    @Option(.maximumUnsent) var maximumUnsent: String?
    @Flag(.compression) var compression = false
    @Option(.pingInterval) var pingInterval: String?
    @Option(.closeTimeout) var closeTimeout: String?
    @Option(.maximumFrames) var maximumFrames: String?
    @Option(.messageTimeout) var messageTimeout: String?
    @Option(.maximumUnsentAge) var maximumUnsentAge: String?
    @Option(.clientIdleTimeout) var clientIdleTimeout: String?
    @Option(.messageRate) var messageRate: String?
    @Option(.byteRate) var byteRate: String?
    @Option(.overRate) var overRate: String?
    @Option(.hubConnections) var hubConnections: String?
    @Option(.hubMessageRate) var hubMessageRate: String?
    @Option(.hubByteRate) var hubByteRate: String?
    @Option(.hubStorage) var hubStorage: String?

    var values: [(ConfigurationOption, String?)] {
        [
            (.maximumMessage, self.maximumMessage),
            (.maximumRecord, self.maximumRecord),
            (.signalRKeepAlive, self.signalRKeepAlive),
            (.signalRClientTimeout, self.signalRClientTimeout),
            (.signalRHandshakeTimeout, self.signalRHandshakeTimeout),
            (.hubStreams, self.hubStreams),
            (.hubClientResults, self.hubClientResults),
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
            (.hubConnections, self.hubConnections),
            (.hubMessageRate, self.hubMessageRate),
            (.hubByteRate, self.hubByteRate),
            (.hubStorage, self.hubStorage),
        ]
    }
}

struct AdmissionFlags: ParsableArguments {
    @Option(.maximumConnections) var maximumConnections: String?
    @Option(.maximumConnectionsPerAddress) var maximumConnectionsPerAddress: String?
    @Option(.trustedProxies) var trustedProxies: String?
    @Option(.forwardedHeader) var forwardedHeader: String?
    @Option(.proxyProtocol) var proxyProtocol: String?

    var values: [(ConfigurationOption, String?)] {
        [
            (.maximumConnections, self.maximumConnections),
            (.maximumConnectionsPerAddress, self.maximumConnectionsPerAddress),
            (.trustedProxies, self.trustedProxies),
            (.forwardedHeader, self.forwardedHeader),
            (.proxyProtocol, self.proxyProtocol),
        ]
    }
}

struct HTTPFlags: ParsableArguments {
    @Option(.maximumHeaderFields) var maximumHeaderFields: String?
    @Option(.bodyTimeout) var bodyTimeout: String?
    @Option(.maximumRequests) var maximumRequests: String?
    @Option(.maximumForwarded) var maximumForwarded: String?
    @Option(.maximumBody) var maximumBody: String?
    @Option(.maximumHeader) var maximumHeader: String?
    @Option(.corsOrigins) var corsOrigins: String?
    @Option(.swaggerAssets) var swaggerAssets: String?
    @Option(.http2) var http2: String?
    @Option(.maximumStreams) var maximumStreams: String?
    @Option(.handshakeTimeout) var handshakeTimeout: String?
    @Option(.idleTimeout) var idleTimeout: String?

    var values: [(ConfigurationOption, String?)] {
        [
            (.maximumHeaderFields, self.maximumHeaderFields),
            (.bodyTimeout, self.bodyTimeout),
            (.maximumRequests, self.maximumRequests),
            (.maximumForwarded, self.maximumForwarded),
            (.maximumBody, self.maximumBody),
            (.maximumHeader, self.maximumHeader),
            (.corsOrigins, self.corsOrigins),
            (.swaggerAssets, self.swaggerAssets),
            (.http2, self.http2),
            (.maximumStreams, self.maximumStreams),
            (.handshakeTimeout, self.handshakeTimeout),
            (.idleTimeout, self.idleTimeout),
        ]
    }
}

struct ProcessFlags: ParsableArguments {
    @Option(.drainDelay) var drainDelay: String?
    @Option(.drainTimeout) var drainTimeout: String?
    @Option(.logLevel) var logLevel: String?
    @Option(.logFormat) var logFormat: String?

    var values: [(ConfigurationOption, String?)] {
        [
            (.drainDelay, self.drainDelay),
            (.drainTimeout, self.drainTimeout),
            (.logLevel, self.logLevel),
            (.logFormat, self.logFormat),
        ]
    }
}
