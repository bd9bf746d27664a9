import Foundation
import Logging
import NIOCore
import Testing
import VolaryBackplane
import VolaryProtocol

@testable import VolaryNode

/// Configuration by flag, environment and file.
@Suite
struct ConfigurationLoaderTests {
    /// One good value for an option, other than its default, and what it becomes.
    struct Example: Sendable, CustomTestStringConvertible {
        let option: ConfigurationOption
        let text: String
        let reads: @Sendable (NodeConfiguration) -> String
        let gives: String
        let byDefault: String?

        var testDescription: String { self.option.rawValue }
    }

    static let examples: [Example] = [
        Example(option: .host, text: "::1", reads: { $0.host }, gives: "::1", byDefault: "127.0.0.1"),
        Example(option: .port, text: "65535", reads: { "\($0.port)" }, gives: "65535", byDefault: "8080"),
        Example(option: .nodeName, text: "a.B_9-z", reads: { $0.name ?? "none" }, gives: "a.B_9-z", byDefault: "none"),
        Example(option: .threads, text: "256", reads: { "\($0.threads)" }, gives: "256", byDefault: "\(System.coreCount)"),
        Example(
            option: .redis,
            text: "rediss://u:p@h:7/3",
            reads: { $0.redis?.description ?? "none" },
            gives: "rediss://h:7/3",
            byDefault: "none"
        ),
        Example(option: .lease, text: "5m", reads: { "\($0.lease)" }, gives: "300.0 seconds", byDefault: "5.0 seconds"),
        Example(
            option: .delivery,
            text: "at-most-once",
            reads: { "\($0.broker.delivery)" },
            gives: "atMostOnce",
            byDefault: "logged"
        ),
        Example(
            option: .historyMessages,
            text: "16",
            reads: { "\($0.broker.historyMessages)" },
            gives: "16",
            byDefault: "10000"
        ),
        Example(
            option: .historyBytes,
            text: "32MiB",
            reads: { "\($0.broker.historyBytes)" },
            gives: "33554432",
            byDefault: "8388608"
        ),
        Example(
            option: .idempotencyBytes,
            text: "1MiB",
            reads: { "\($0.idempotencyBytes)" },
            gives: "1048576",
            byDefault: "268435456"
        ),
        Example(
            option: .traceBytes,
            text: "1MiB",
            reads: { $0.traceBytes.map { "\($0)" } ?? "off" },
            gives: "1048576",
            byDefault: "8388608"
        ),
        Example(
            option: .historyIdleBytes,
            text: "1024MiB",
            reads: { "\($0.broker.idleHistoryBytes)" },
            gives: "1073741824",
            byDefault: "268435456"
        ),
        Example(
            option: .historyAge,
            text: "1h",
            reads: { "\($0.broker.historyAge)" },
            gives: "3600.0 seconds",
            byDefault: "300.0 seconds"
        ),
        Example(
            option: .canaryInterval,
            text: "100ms",
            reads: { "\($0.broker.canaryInterval)" },
            gives: "0.1 seconds",
            byDefault: "2.0 seconds"
        ),
        Example(
            option: .announcementsPerSecond,
            text: "off",
            reads: { "\($0.announcementsPerSecond ?? -1)" },
            gives: "-1",
            byDefault: "10"
        ),
        Example(
            option: .corsOrigins,
            text: "*",
            reads: { $0.corsOrigins == AllowedOrigins("*") ? "any" : "\($0.corsOrigins == .these([]))" },
            gives: "any",
            byDefault: "true"
        ),
        Example(
            option: .clientMessages,
            text: "off",
            reads: { $0.clientMessages.rawValue },
            gives: "off",
            byDefault: "all"
        ),
        Example(
            option: .timestampPrecision,
            text: "milliseconds",
            reads: { $0.timestampPrecision.rawValue },
            gives: "milliseconds",
            byDefault: "seconds"
        ),
        Example(
            option: .insecureUserQuery,
            text: "on",
            reads: { "\($0.acceptsUserQuery)" },
            gives: "true",
            byDefault: "false"
        ),
        Example(
            option: .apiKey,
            text: "correct-horse-battery",
            reads: {
                "\(APIKey.principal(for: "correct-horse-battery", in: [$0.access.apiKey].compactMap { $0 })?.permissions.count ?? 0)"
            },
            gives: "3",
            byDefault: "0"
        ),
        Example(
            option: .jwtAudience,
            text: "a b",
            reads: { $0.access.tokenRules.audience ?? "none" },
            gives: "a b",
            byDefault: "none"
        ),
        Example(
            option: .jwtIssuer,
            text: "https://id.example.org/",
            reads: { $0.access.tokenRules.issuer ?? "none" },
            gives: "https://id.example.org/",
            byDefault: "none"
        ),
        Example(
            option: .jwtUserClaim,
            text: "preferred_username",
            reads: { $0.access.tokenRules.user.description },
            gives: "preferred_username",
            byDefault: "sub"
        ),
        Example(
            option: .jwtGroupsClaim,
            text: "https://example.org/groups",
            reads: { $0.access.tokenRules.groups.description },
            gives: "https://example.org/groups",
            byDefault: "groups"
        ),
        Example(
            option: .jwtPermissionsClaim,
            text: "/realm_access/roles",
            reads: { $0.access.tokenRules.permissions.map(\.description).joined(separator: ",") },
            gives: "/realm_access/roles",
            byDefault: "permissions,scope,scp,roles"
        ),
        Example(
            option: .anonymousClients,
            text: "on",
            reads: { "\($0.access.acceptsAnonymousClients)" },
            gives: "true",
            byDefault: "false"
        ),
        Example(
            option: .allowedOrigins,
            text: "https://a",
            reads: { $0.access.origins == AllowedOrigins("https://a") ? "one" : "\($0.access.origins == nil)" },
            gives: "one",
            byDefault: "true"
        ),
        Example(option: .insecure, text: "on", reads: { "\($0.access.isInsecure)" }, gives: "true", byDefault: "false"),
        Example(
            option: .maximumMessage,
            text: "16MiB",
            reads: { "\($0.maximumMessageBytes)" },
            gives: "16777216",
            byDefault: "1048576"
        ),
        Example(
            option: .maximumRecord,
            text: "16MiB",
            reads: { "\($0.maximumRecordBytes)" },
            gives: "16777216",
            byDefault: "32768"
        ),
        Example(
            option: .signalRKeepAlive,
            text: "1h",
            reads: { "\($0.hubCalls.times.keepAlive == .hours(1))" },
            gives: "true",
            byDefault: "false"
        ),
        Example(
            option: .signalRClientTimeout,
            text: "2h",
            reads: { "\($0.hubCalls.times.silence == .hours(2))" },
            gives: "true",
            byDefault: "false"
        ),
        Example(
            option: .signalRHandshakeTimeout,
            text: "10m",
            reads: { "\($0.hubCalls.times.handshake == .minutes(10))" },
            gives: "true",
            byDefault: "false"
        ),
        Example(
            option: .hubStreams,
            text: "10000",
            reads: { "\($0.hubCalls.streams)" },
            gives: "10000",
            byDefault: "100"
        ),
        Example(
            option: .hubClientResults,
            text: "10000",
            reads: { "\($0.hubCalls.clientResults)" },
            gives: "10000",
            byDefault: "100"
        ),
        Example(
            option: .maximumUnsent,
            text: "64KiB",
            reads: { "\($0.maximumUnsentBytes)" },
            gives: "65536",
            byDefault: "1048576"
        ),
        Example(
            option: .compression,
            text: "on",
            reads: { "\($0.compresses)" },
            gives: "true",
            byDefault: "false"
        ),
        Example(
            option: .pingInterval,
            text: "1h",
            reads: { "\($0.pingInterval)" },
            gives: "3600.0 seconds",
            byDefault: "30.0 seconds"
        ),
        Example(
            option: .closeTimeout,
            text: "100ms",
            reads: { "\($0.closeTimeout)" },
            gives: "0.1 seconds",
            byDefault: "5.0 seconds"
        ),
        Example(
            option: .maximumFrames,
            text: "1000000",
            reads: { "\($0.maximumFramesPerMessage)" },
            gives: "1000000",
            byDefault: "16384"
        ),
        Example(
            option: .messageTimeout,
            text: "1h",
            reads: { "\($0.connectionLimits.messageTimeout == .hours(1)) \($0.connectionLimits.messageTimeout == .seconds(60))" },
            gives: "true false",
            byDefault: "false true"
        ),
        Example(
            option: .maximumUnsentAge,
            text: "10m",
            reads: { "\($0.connectionLimits.unsentAge == .minutes(10)) \($0.connectionLimits.unsentAge == .seconds(30))" },
            gives: "true false",
            byDefault: "false true"
        ),
        Example(
            option: .clientIdleTimeout,
            text: "24h",
            reads: { "\($0.connectionLimits.idleTimeout.map { $0 == .hours(24) }, default: "off")" },
            gives: "true",
            byDefault: "off"
        ),
        Example(
            option: .messageRate,
            text: "1000000",
            reads: { "\($0.connectionLimits.messagesPerSecond, default: "off")" },
            gives: "1000000",
            byDefault: "off"
        ),
        Example(
            option: .byteRate,
            text: "64KiB",
            reads: { "\($0.connectionLimits.bytesPerSecond, default: "off")" },
            gives: "65536",
            byDefault: "off"
        ),
        Example(option: .overRate, text: "drop", reads: { "\($0.connectionLimits.overRate)" }, gives: "drop", byDefault: "close"),
        Example(
            option: .hubConnections,
            text: "1000000",
            reads: { "\($0.hubLimits.connections, default: "off")" },
            gives: "1000000",
            byDefault: "off"
        ),
        Example(
            option: .hubMessageRate,
            text: "100",
            reads: { "\($0.hubLimits.messagesPerSecond, default: "off")" },
            gives: "100",
            byDefault: "off"
        ),
        Example(
            option: .hubByteRate,
            text: "64KiB",
            reads: { "\($0.hubLimits.bytesPerSecond, default: "off")" },
            gives: "65536",
            byDefault: "off"
        ),
        Example(
            option: .hubStorage,
            text: "64MiB",
            reads: { "\($0.hubLimits.storageBytes, default: "off")" },
            gives: "67108864",
            byDefault: "off"
        ),
        Example(
            option: .maximumConnections,
            text: "1000000",
            reads: { "\($0.admission.maximumConnections, default: "derived")" },
            gives: "1000000",
            byDefault: "derived"
        ),
        Example(
            option: .maximumConnectionsPerAddress,
            text: "1",
            reads: { "\($0.admission.maximumPerAddress, default: "off")" },
            gives: "1",
            byDefault: "off"
        ),
        Example(
            option: .trustedProxies,
            text: "10.0.0.0/8, ::1",
            reads: { "\($0.admission.proxies.ranges.count)" },
            gives: "2",
            byDefault: "0"
        ),
        Example(
            option: .forwardedHeader,
            text: "forwarded",
            reads: { $0.admission.proxies.header.rawValue },
            gives: "forwarded",
            byDefault: "x-forwarded-for"
        ),
        Example(
            option: .maximumHeaderFields,
            text: "1000",
            reads: { "\($0.httpSettings.maximumHeaderFields)" },
            gives: "1000",
            byDefault: "100"
        ),
        Example(option: .http2, text: "on", reads: { "\($0.httpSettings.http2)" }, gives: "on", byDefault: "tls"),
        Example(
            option: .maximumStreams,
            text: "10000",
            reads: { "\($0.httpSettings.maximumStreams)" },
            gives: "10000",
            byDefault: "1000"
        ),
        Example(
            option: .bodyTimeout,
            text: "10m",
            reads: { "\($0.bodyTimeout)" },
            gives: "600.0 seconds",
            byDefault: "30.0 seconds"
        ),
        Example(
            option: .maximumRequests,
            text: "100000",
            reads: { "\($0.maximumRequests)" },
            gives: "100000",
            byDefault: "1000"
        ),
        Example(
            option: .maximumForwarded,
            text: "100000",
            reads: { "\($0.maximumForwardedRequests)" },
            gives: "100000",
            byDefault: "10000"
        ),
        Example(option: .maximumBody, text: "1024", reads: { "\($0.maximumBodyBytes)" }, gives: "1024", byDefault: "2097152"),
        Example(
            option: .maximumHeader,
            text: "1MiB",
            reads: { "\($0.maximumHeaderBytes)" },
            gives: "1048576",
            byDefault: "16384"
        ),
        Example(
            option: .handshakeTimeout,
            text: "1m",
            reads: { "\($0.handshakeTimeout)" },
            gives: "60.0 seconds",
            byDefault: "10.0 seconds"
        ),
        Example(
            option: .idleTimeout,
            text: "1s",
            reads: { "\($0.idleTimeout)" },
            gives: "1.0 seconds",
            byDefault: "75.0 seconds"
        ),
        Example(option: .drainDelay, text: "5m", reads: { "\($0.drainDelay)" }, gives: "300.0 seconds", byDefault: "0.0 seconds"),
        Example(
            option: .drainTimeout,
            text: "10m",
            reads: { "\($0.drainTimeout)" },
            gives: "600.0 seconds",
            byDefault: "10.0 seconds"
        ),
        Example(option: .logLevel, text: "trace", reads: { "\($0.logLevel)" }, gives: "trace", byDefault: "info"),
        Example(option: .logFormat, text: "json", reads: { "\($0.logFormat)" }, gives: "json", byDefault: "text"),
    ]

    private func load(
        flags: [ConfigurationOption: String] = [:],
        environment: [String: String] = [:],
        file: String? = nil
    ) throws -> NodeConfiguration {
        guard let file else { return try ConfigurationLoader(flags: flags, environment: environment, file: nil).load() }
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("volary-\(UUID().uuidString).json")
        try Data(file.utf8).write(to: path)
        defer { try? FileManager.default.removeItem(at: path) }
        return try ConfigurationLoader(flags: flags, environment: environment, file: path.path).load()
    }

    private func variable(_ option: ConfigurationOption) -> String {
        "VOLARY_" + option.rawValue.uppercased().replacingOccurrences(of: "-", with: "_")
    }

    @Test func `Every option has its example here`() {
        // The prefix and the authorities show only together with an address, assets, certificates and keys are files, who speaks the PROXY
        // protocol must be trusted, events need access keys: they have tests of their own.
        let others: Set<ConfigurationOption> = [
            .redisPrefix, .redisAuthorities, .swaggerAssets, .tlsCertificate, .tlsKey, .apiKeys, .jwtKey, .jwks, .proxyProtocol,
            .accessKey, .accessKeys, .publicHosts, .hubs, .eventHandler, .eventHub, .userEvents, .systemEvents,
        ]
        #expect(Set(Self.examples.map(\.option)).union(others) == Set(ConfigurationOption.allCases))
    }

    @Test(arguments: Self.examples)
    func `Every option can be set by default, flag, environment and file`(example: Example) throws {
        if let byDefault = example.byDefault { #expect(example.reads(try self.load()) == byDefault) }
        #expect(example.reads(try self.load(flags: [example.option: example.text])) == example.gives)
        #expect(example.reads(try self.load(environment: [self.variable(example.option): example.text])) == example.gives)
        #expect(
            example.reads(try self.load(file: #"{"\#(example.option.rawValue)": "\#(example.text)"}"#)) == example.gives
        )
    }

    @Test func `A flag goes before the environment, the environment before the file, the file before the default`() throws {
        let environment = ["VOLARY_PORT": "2"]
        let file = #"{"port": 3}"#
        #expect(try self.load(flags: [.port: "1"], environment: environment, file: file).port == 1)
        #expect(try self.load(environment: environment, file: file).port == 2)
        #expect(try self.load(file: file).port == 3)
        #expect(try self.load().port == 8080)
    }

    @Test func `An empty variable counts as absent, and other variables do not matter`() throws {
        let configuration = try self.load(environment: ["VOLARY_PORT": "", "PORT": "1", "volary_port": "2", "VOLARY_PORTS": "x"])
        #expect(configuration.port == 8080)
    }

    @Test(arguments: [0, 1, 2, 1000])
    func `Numbers in the file may be JSON numbers`(number: Int) throws {
        #expect(try self.load(file: #"{"announcements-per-second": \#(number)}"#).announcementsPerSecond == number)
        #expect(try self.load(file: #"{"port": \#(number)}"#).port == number)
    }

    @Test func `The prefix belongs to the Redis that is set`() throws {
        #expect(try self.load(flags: [.redis: "redis://h"]).redis?.keyPrefix == "volary")
        #expect(try self.load(flags: [.redis: "redis://h", .redisPrefix: "b_2"]).redis?.keyPrefix == "b_2")
        let redis = try #require(try self.load(flags: [.redis: "redis://user:secret@h:1/2"]).redis)
        #expect((redis.username, redis.password, redis.database) == ("user", "secret", 2))
        #expect(redis.target == .server(RedisAddress(host: "h", port: 1)))
    }

    @Test(arguments: ConfigurationOption.allCases)
    func `Every option has a help that a person can read`(option: ConfigurationOption) {
        #expect(option.help.hasSuffix(".") && option.help.count > 10 && option.help.count < 120)
        #expect(option.rawValue.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "-" })
    }

    @Test func `The options without a default are these`() {
        #expect(
            Set(ConfigurationOption.allCases.filter { $0.defaultValue == nil }) == [
                .tlsCertificate, .tlsKey, .nodeName, .threads, .redis, .redisAuthorities, .corsOrigins, .swaggerAssets, .apiKey,
                .apiKeys, .jwtKey, .jwks, .jwtAudience, .jwtIssuer, .jwtPermissionsClaim, .allowedOrigins, .maximumConnections,
                .trustedProxies, .clientMessages, .announcementsPerSecond, .accessKey, .accessKeys, .publicHosts,
                .hubs, .eventHandler,
            ]
        )
    }

    @Test(arguments: ConfigurationOption.allCases.filter { $0.defaultValue != nil })
    func `Every default is allowed, and gives what is there without it`(option: ConfigurationOption) throws {
        let value = try #require(option.defaultValue)
        let configuration = try self.load(flags: [option: value])
        if let example = Self.examples.first(where: { $0.option == option }) {
            #expect(example.reads(configuration) == example.reads(try self.load()))
        }
    }
}
