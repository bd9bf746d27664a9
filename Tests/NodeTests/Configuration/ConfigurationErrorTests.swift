import Foundation
import Testing

@testable import Node

@Suite("Wrong configuration: one line that says what is wrong")
struct ConfigurationErrorTests {
    private func error(_ flags: [ConfigurationOption: String]) -> ConfigurationError? {
        #expect(throws: ConfigurationError.self) {
            try ConfigurationLoader(flags: flags, environment: [:], file: nil).load()
        }
    }

    private func error(file contents: String) throws -> ConfigurationError? {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("volary-\(UUID().uuidString).json")
        try Data(contents.utf8).write(to: path)
        defer { try? FileManager.default.removeItem(at: path) }
        return #expect(throws: ConfigurationError.self) {
            try ConfigurationLoader(flags: [:], environment: [:], file: path.path).load()
        }
    }

    private static let names = ["", String(repeating: "a", count: 65), "a b", "a/b", "ä", "a\n"]
    static let wrong: [(ConfigurationOption, [String], String)] = [
        (.host, [""], "must be an address or a name"),
        (.port, ["", "-1", "65536", "+80", "80a", "8 0", "8080.0", "٨"], "must be a whole number from 0 to 65535"),
        (.nodeName, Self.names, "must be 1 to 64 letters, digits, '.', '_' and '-'"),
        (.threads, ["0", "257", "x"], "must be a whole number from 1 to 256"),
        (.redisPrefix, Self.names, "must be 1 to 64 letters, digits, '.', '_' and '-'"),
        (.redisAuthorities, ["/nowhere/at/all", "/dev/null"], "must be a PEM file with certificates"),
        (.lease, ["999ms", "301s", "6m", "5", "0s"], "must be a time from 1s to 5m, such as 250ms, 5s or 2m"),
        (.delivery, ["", "at-least-once", "Logged"], "must be logged or at-most-once"),
        (.historyMessages, ["15", "1000001", "10k"], "must be a whole number from 16 to 1000000"),
        (.historyBytes, ["65535", "33MiB"], "must be a size from 64KiB to 32MiB, such as 512, 64KiB or 1MiB"),
        (.canaryInterval, ["99ms", "61s"], "must be a time from 100ms to 1m, such as 250ms, 5s or 2m"),
        (.historyAge, ["999ms", "61m"], "must be a time from 1s to 1h, such as 250ms, 5s or 2m"),
        (.announcementsPerSecond, ["-1", "1001", "OFF", "none"], "must be a whole number from 0 to 1000, or off"),
        (.insecureUserQuery, ["yes", "ON", "1"], "must be on or off"),
        (.apiKeys, ["/nowhere/at/all", "/dev/null", "/"], APIKey.fileRule),
        (.jwtKey, ["/nowhere/at/all", "/dev/null", "/"], TokenKeyFile.keyRule),
        (.jwks, ["/nowhere/at/all", "/dev/null", "/"], TokenKeyFile.setRule),
        (.jwtAudience, [""], "must be a text"),
        (.jwtIssuer, [""], "must be a text"),
        (.anonymousClients, ["yes"], "must be on or off"),
        (
            .allowedOrigins, ["", "example.org", "https://example.org/", "null"],
            "must be '*', or origins such as https://app.example.org,http://localhost:3000"
        ),
        (.insecure, ["yes"], "must be on or off"),
        (.maximumMessage, ["0", "16777217", "17MiB", "1MB"], "must be a size from 1 to 16MiB, such as 512, 64KiB or 1MiB"),
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
        (.maximumConnections, ["0", "1000001", "off"], "must be a whole number from 1 to 1000000"),
        (.maximumConnectionsPerAddress, ["0", "1000001", "all"], "must be a whole number from 1 to 1000000, or off"),
        (
            .trustedProxies, ["", "10.0.0.0/33", "10.0.0.1/8", "localhost", "10.0.0.0/8,", "*"],
            "must be addresses and ranges such as 10.0.0.0/8,2001:db8::/32,192.0.2.1, with no bits behind the prefix"
        ),
        (.forwardedHeader, ["", "X-Forwarded-For", "x-real-ip"], "must be x-forwarded-for or forwarded"),
        (.proxyProtocol, ["", "v2", "ON"], "must be on or off"),
        (.maximumHeaderFields, ["9", "1001"], "must be a whole number from 10 to 1000"),
        (.bodyTimeout, ["999ms", "601s"], "must be a time from 1s to 10m, such as 250ms, 5s or 2m"),
        (.maximumRequests, ["0", "100001"], "must be a whole number from 1 to 100000"),
        (.maximumBody, ["1023", "65MiB"], "must be a size from 1KiB to 64MiB, such as 512, 64KiB or 1MiB"),
        (.maximumHeader, ["1023", "2MiB"], "must be a size from 1KiB to 1MiB, such as 512, 64KiB or 1MiB"),
        (
            .corsOrigins, ["", "example.org", "https://example.org/", "ftp://h"],
            "must be '*', or origins such as https://app.example.org,http://localhost:3000"
        ),
        (
            .swaggerAssets, ["/nowhere/at/all", "/dev/null"],
            "must be a directory with \(SwaggerAssets.script) and \(SwaggerAssets.style)"
        ),
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
        #expect(Set(Self.wrong.map(\.0)).union([.redis, .apiKey, .tlsCertificate, .tlsKey]) == Set(ConfigurationOption.allCases))
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

    // MARK: - The file

    @Test func `A file that is not there is wrong`() {
        let error = #expect(throws: ConfigurationError.self) {
            try ConfigurationLoader(flags: [:], environment: [:], file: "/nowhere/at.all")
        }
        #expect(error?.description == #"--config "/nowhere/at.all": must be a file that can be read"#)
    }

    @Test(arguments: ["", "{", "[]", "1", "null", #""port""#, "port = 1"])
    func `A file that is no JSON object is wrong`(contents: String) throws {
        #expect(try self.error(file: contents)?.allowed.hasPrefix("must be a JSON object") == true)
    }

    @Test(arguments: ["Port", "volary.port", "node_name", "config", ""])
    func `A file that names an unknown option is wrong`(name: String) throws {
        let error = try self.error(file: #"{"\#(name)": "1"}"#)
        #expect(error?.option == "config")
        #expect(error?.value == name)
        #expect(error?.allowed == "names an unknown option")
    }

    @Test(arguments: ["true", "false", "null", "1.5", "[]", "{}"])
    func `A file with values that are neither text nor whole numbers is wrong`(value: String) throws {
        let error = try self.error(file: #"{"port": \#(value)}"#)
        #expect(error?.value == "port")
        #expect(error?.allowed == "must give this option text or a whole number")
    }

    @Test func `A wrong value in the file is named like one of a flag`() throws {
        #expect(
            try self.error(file: #"{"port": 70000}"#)?.description == #"--port "70000": must be a whole number from 0 to 65535"#
        )
    }
}
