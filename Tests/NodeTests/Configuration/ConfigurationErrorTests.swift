import Foundation
import TestSupport
import Testing
import VolaryProtocol

@testable import VolaryNode

/// Wrong configuration: one line that says what is wrong.
@Suite
struct ConfigurationErrorTests {
    private func error(_ flags: [ConfigurationOption: String]) -> ConfigurationError? {
        #expect(throws: ConfigurationError.self) {
            try ConfigurationLoader(flags: flags, environment: [:], file: nil).load()
        }
    }

    private static let names = ["", String(repeating: "a", count: 65), "a b", "a/b", "ä", "a\n"]
    static let wrong: [(ConfigurationOption, [String], String)] = [
        (.host, [""], "must be an address or a name"),
        (.port, ["", "-1", "65536", "+80", "80a", "8 0", "8080.0", "٨"], "must be a whole number from 0 to 65535"),
        (.nodeName, Self.names, "must be 1 to 64 letters, digits, '.', '_' and '-'"),
        (.threads, ["0", "257", "x"], "must be a whole number from 1 to 256"),
        (.redisPrefix, Self.names, "must be 1 to 64 letters, digits, '.', '_' and '-'"),
        (.redisAuthorities, ["/dev/null"], "must be a PEM file with certificates"),
        (.lease, ["999ms", "301s", "6m", "5", "0s"], "must be a time from 1s to 5m, such as 250ms, 5s or 2m"),
        (.delivery, ["", "at-least-once", "Logged"], "must be logged or at-most-once"),
        (.historyMessages, ["15", "1000001", "10k"], "must be a whole number from 16 to 1000000"),
        (.historyBytes, ["65535", "33MiB"], "must be a size from 64KiB to 32MiB, such as 512, 64KiB or 1MiB"),
        (.historyIdleBytes, ["1023KiB", "1048577MiB"], "must be a size from 1MiB to 1048576MiB, such as 512, 64KiB or 1MiB"),
        (.idempotencyBytes, ["1023KiB", "1048577MiB"], "must be a size from 1MiB to 1048576MiB, such as 512, 64KiB or 1MiB"),
        (.traceBytes, ["63KiB", "1025MiB", "0"], "must be a size from 64KiB to 1024MiB, such as 512, 64KiB or 1MiB, or off"),
        (.canaryInterval, ["99ms", "61s"], "must be a time from 100ms to 1m, such as 250ms, 5s or 2m"),
        (.historyAge, ["999ms", "61m"], "must be a time from 1s to 1h, such as 250ms, 5s or 2m"),
        (.announcementsPerSecond, ["-1", "1001", "OFF", "none"], "must be a whole number from 0 to 1000, or off"),
        (.timestampPrecision, ["", "ms", "Seconds"], "must be seconds or milliseconds"),
        (.clientMessages, ["", "on", "All", "none"], "must be all, permitted or off"),
        (.insecureUserQuery, ["yes", "ON", "1"], "must be on or off"),
        (.apiKeys, ["/dev/null"], APIKey.fileRule),
        (.jwtKey, ["/dev/null"], TokenKeyFile.keyRule),
        (.jwks, ["/dev/null"], TokenKeySet.rule),
        (.jwtAudience, [""], "must be a text"),
        (.jwtIssuer, [""], "must be a text"),
        (.jwtUserClaim, ["", "/a~2b", "/~"], "must be \(ClaimPath.rule)"),
        (.jwtGroupsClaim, ["", "/a~2b", String(repeating: "x", count: 257)], "must be \(ClaimPath.rule)"),
        (.jwtPermissionsClaim, ["", "/a~"], "must be \(ClaimPath.rule)"),
        (.anonymousClients, ["yes"], "must be on or off"),
        (.accessKeys, ["/dev/null"], AccessKeys.fileRule),
        (.publicHosts, ["", "a b", "https://example.org", "example.org,", "h:0"], "must be \(AccessKeys.hostsRule)"),
        (.hubs, ["/dev/null"], "\(HubTable.fileRule); the file is not valid JSON"),
        (.eventHandler, ["", "app.example.org", "ftp://h/", "https://u@h/", "https://{hub}.h/", "http://h/{x}"], EventURL.rule),
        (.eventHub, ["", "1", "a b"], "must be the name of a hub, which \(HubName.rule)"),
        (.userEvents, ["a,", "*,a", "1"], "must be \(UserEventPattern.rule)"),
        (.systemEvents, ["", "connect,", "Connect"], "must be none, or a list such as connect,connected,disconnected"),
        (
            .allowedOrigins, ["", "example.org", "https://example.org/", "nul", "file://h"],
            "must be '*', or origins such as https://app.example.org,capacitor://localhost"
        ),
        (.insecure, ["yes"], "must be on or off"),
        (.maximumMessage, ["0", "16777217", "17MiB", "1MB"], "must be a size from 1 to 16MiB, such as 512, 64KiB or 1MiB"),
        (.maximumRecord, ["1023", "17MiB", "off"], "must be a size from 1KiB to 16MiB, such as 512, 64KiB or 1MiB"),
        (.signalRKeepAlive, ["999ms", "61m"], "must be a time from 1s to 1h, such as 250ms, 5s or 2m"),
        (.signalRClientTimeout, ["999ms", "121m"], "must be a time from 1s to 2h, such as 250ms, 5s or 2m"),
        (.signalRHandshakeTimeout, ["999ms", "11m"], "must be a time from 1s to 10m, such as 250ms, 5s or 2m"),
        (.hubStreams, ["0", "10001", "off"], "must be a whole number from 1 to 10000"),
        (.hubClientResults, ["0", "10001", "off"], "must be a whole number from 1 to 10000"),
        (.maximumUnsent, ["65535", "257MiB"], "must be a size from 64KiB to 256MiB, such as 512, 64KiB or 1MiB"),
        (.compression, ["yes", "ON", "gzip"], "must be on or off"),
        (.pingInterval, ["999ms", "61m"], "must be a time from 1s to 1h, such as 250ms, 5s or 2m"),
        (.closeTimeout, ["99ms", "61s"], "must be a time from 100ms to 1m, such as 250ms, 5s or 2m"),
        (.maximumFrames, ["0", "1000001", "off"], "must be a whole number from 1 to 1000000"),
        (.messageTimeout, ["999ms", "61m", "off"], "must be a time from 1s to 1h, such as 250ms, 5s or 2m"),
        (.maximumUnsentAge, ["999ms", "601s", "off"], "must be a time from 1s to 10m, such as 250ms, 5s or 2m"),
        (.clientIdleTimeout, ["0s", "25h", "never"], "must be a time from 1s to 24h, such as 250ms, 5s or 2m, or off"),
        (.messageRate, ["0", "1000001", "OFF"], "must be a whole number from 1 to 1000000, or off"),
        (.byteRate, ["1023", "513MiB", "0"], "must be a size from 1KiB to 512MiB, such as 512, 64KiB or 1MiB, or off"),
        (.overRate, ["", "Close", "wait"], "must be close or drop"),
        (.hubConnections, ["0", "1000001", "OFF"], "must be a whole number from 1 to 1000000, or off"),
        (.hubMessageRate, ["0", "1000001", "OFF"], "must be a whole number from 1 to 1000000, or off"),
        (.hubByteRate, ["1023", "513MiB", "0"], "must be a size from 1KiB to 512MiB, such as 512, 64KiB or 1MiB, or off"),
        (
            .hubStorage, ["1023KiB", "1048577MiB", "0"],
            "must be a size from 1MiB to 1048576MiB, such as 512, 64KiB or 1MiB, or off"
        ),
        (.maximumConnections, ["0", "1000001", "off"], "must be a whole number from 1 to 1000000"),
        (.maximumConnectionsPerAddress, ["0", "1000001", "all"], "must be a whole number from 1 to 1000000, or off"),
        (
            .trustedProxies, ["", "10.0.0.0/33", "10.0.0.1/8", "localhost", "10.0.0.0/8,", "*"],
            "must be addresses and ranges such as 10.0.0.0/8,2001:db8::/32,192.0.2.1, with all bits after the prefix zero"
        ),
        (.forwardedHeader, ["", "X-Forwarded-For", "x-real-ip"], "must be x-forwarded-for or forwarded"),
        (.proxyProtocol, ["", "v2", "ON"], "must be on or off"),
        (.maximumHeaderFields, ["9", "1001"], "must be a whole number from 10 to 1000"),
        (.bodyTimeout, ["999ms", "601s"], "must be a time from 1s to 10m, such as 250ms, 5s or 2m"),
        (.maximumRequests, ["0", "100001"], "must be a whole number from 1 to 100000"),
        (.maximumForwarded, ["0", "100001"], "must be a whole number from 1 to 100000"),
        (.maximumBody, ["1023", "65MiB"], "must be a size from 1KiB to 64MiB, such as 512, 64KiB or 1MiB"),
        (.maximumHeader, ["1023", "2MiB"], "must be a size from 1KiB to 1MiB, such as 512, 64KiB or 1MiB"),
        (
            .corsOrigins, ["", "example.org", "https://example.org/", "ftp://h/"],
            "must be '*', or origins such as https://app.example.org,capacitor://localhost"
        ),
        (
            .swaggerAssets, ["/nowhere/at/all", "/dev/null"],
            "swagger-ui-bundle.js: there is no such file; must be a directory with \(SwaggerAssets.script) and \(SwaggerAssets.style)"
        ),
        (.http2, ["", "h2", "TLS"], "must be tls, on or off"),
        (.maximumStreams, ["0", "10001", "off"], "must be a whole number from 1 to 10000"),
        (.handshakeTimeout, ["99ms", "61s"], "must be a time from 100ms to 1m, such as 250ms, 5s or 2m"),
        (.idleTimeout, ["999ms", "61m"], "must be a time from 1s to 1h, such as 250ms, 5s or 2m"),
        (.drainDelay, ["301s", "-1s"], "must be a time from 0s to 5m, such as 250ms, 5s or 2m"),
        (.drainTimeout, ["99ms", "601s"], "must be a time from 100ms to 10m, such as 250ms, 5s or 2m"),
        (.logLevel, ["", "Info", "verbose"], "must be trace, debug, info, notice, warning, error or critical"),
        (.logFormat, ["", "JSON", "logfmt"], "must be text or json"),
    ]

    @Test(arguments: Self.wrong)
    func `A wrong value names the option, the value and what is allowed`(
        option: ConfigurationOption,
        values: [String],
        allowed: String
    ) {
        for value in values {
            let error = self.error([option: value])
            #expect(error?.option == option.rawValue)
            #expect(error?.value == value)
            #expect(error?.allowed == allowed)
        }
    }

    @Test func `Every option can be wrong`() {
        let others: Set<ConfigurationOption> = [.redis, .apiKey, .accessKey, .tlsCertificate, .tlsKey]
        #expect(others.union(Self.wrong.map(\.0)) == Set(ConfigurationOption.allCases))
    }

    @Test func `The line for people`() {
        #expect(self.error([.port: "http"])?.description == #"--port "http": must be a whole number from 0 to 65535"#)
    }

    @Test func `The line stays one line, and short, whatever was given`() {
        let text = self.error([.nodeName: "a\nb\u{7}\u{1B}[31m" + String(repeating: "x", count: 5000)])?.description ?? ""
        #expect(!text.contains { $0.isNewline || $0 == "\u{7}" || $0 == "\u{1B}" })
        #expect(text.hasPrefix(#"--node-name "a?b??[31mxx"#))
        #expect(text.count < 250)
    }

    @Test(arguments: [
        "http://admin:hunter2@h", "redis://admin:hunter2@h:port", "redis://admin:hunter2@", "redis://admin:hunter2@h/db",
        "redis://hunter2@h", "redis://admin:hunter2%ZZ@h", "redis://h/0/hunter2", "hunter2", "",
    ])
    func `A wrong Redis address shows nothing of itself`(url: String) {
        let error = self.error([.redis: url])
        #expect(error?.option == "redis")
        #expect(error?.value == nil)
        #expect(error.map { "\($0)".contains("hunter2") || "\($0)".contains("admin") } == false)
        #expect(error?.allowed.contains("expected redis://") == true)
    }

    @Test func `A configuration with a password does not show it`() throws {
        let configuration = try ConfigurationLoader(
            flags: [.redis: "redis://admin:hunter2@h"],
            environment: [:],
            file: nil
        ).load()
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(!"\(configuration)\(dumped)".contains("hunter2"))
    }

    // MARK: - Where it was set

    @Test
    func `A wrong value is named by the flag, the variable or the file that has it`() throws {
        let rule = "must be a whole number from 0 to 65535"
        let variable = #expect(throws: ConfigurationError.self) {
            try ConfigurationLoader(flags: [:], environment: ["VOLARY_PORT": "x"], file: nil).load()
        }
        #expect(variable?.description == #"VOLARY_PORT "x": \#(rule)"#)
        let file = try TemporaryFile(#"{"port": 70000, "jwt-key": "/nowhere"}"#)
        let member = #expect(throws: ConfigurationError.self) {
            try ConfigurationLoader(flags: [:], environment: [:], file: file.path).load()
        }
        #expect(member?.description == #"\#(file.path) "port" "70000": \#(rule)"#)
        // The flag goes before the file, and what it has is right.
        let other = #expect(throws: ConfigurationError.self) {
            try ConfigurationLoader(flags: [.port: "80"], environment: [:], file: file.path).load()
        }
        #expect(other?.description == #"\#(file.path) "jwt-key" "/nowhere": there is no such file"#)
        let protection = #expect(throws: ConfigurationError.self) {
            try ConfigurationLoader(flags: [:], environment: ["VOLARY_HOST": "0.0.0.0"], file: nil).load()
        }
        #expect(protection?.description.hasPrefix(#"VOLARY_HOST "0.0.0.0": other machines can reach this address"#) == true)
    }

    @Test(
        arguments: [
            ConfigurationOption.apiKeys, .jwtKey, .jwks, .redisAuthorities, .tlsCertificate, .accessKeys,
        ]
    )
    func `A file that cannot be read says why, not what it would have to say`(option: ConfigurationOption) throws {
        // A certificate needs a key beside it.
        let others: [ConfigurationOption: String] = option == .tlsCertificate ? [.tlsKey: "/nowhere/else"] : [:]
        for (path, reason) in [("/nowhere/at/all", "there is no such file"), ("/", "is a directory, not a file")] {
            let error = self.error(others.merging([option: path]) { $1 })
            #expect(error?.description == "--\(option.rawValue) \"\(path)\": \(reason)")
        }
        let large = try TemporaryFile(String(repeating: "x", count: OperatorFile.maximumTextBytes + 1))
        #expect(self.error(others.merging([option: large.path]) { $1 })?.allowed == "is larger than 1MiB")
    }

    @Test
    func `A file that only others may read says so`() {
        #expect(OperatorFile.ReadError(errno: EACCES).description == "cannot be read by this user")
        #expect(OperatorFile.ReadError(errno: ENOTDIR) == .missing)
        #expect(OperatorFile.ReadError(errno: EIO).description == "cannot be read: Input/output error")
    }

    @Test(
        arguments: [
            ("127.0.0.1:6379", "redis://127.0.0.1:6379"), ("redis:6379/2", "redis://redis:6379/2"),
            ("[::1]:6379", "redis://[::1]:6379"), ("jane:s3cret@localhost:6379", nil), ("hunter2", nil), ("localhost:0", nil),
            ("http://localhost:6379", nil),
        ]
    )
    func `An address of Redis without its scheme is suggested with it, but not where it may hold a password`(
        text: String,
        suggestion: String?
    ) throws {
        let error = try #require(self.error([.redis: text]))
        if let suggestion {
            #expect(error.description.hasPrefix("--redis: did you mean \(suggestion)? "))
        } else {
            #expect(!error.description.contains("did you mean"))
        }
    }
}
