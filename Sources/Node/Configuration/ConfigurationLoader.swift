public import Logging
import NIOCore
import VolaryBackplane
import VolaryProtocol

/// Reads the options from flags, environment variables and the file, in this order of precedence, and checks every value before
/// the node opens anything.
public struct ConfigurationLoader {
    struct Given {
        let text: String
        let origin: ConfigurationError.Origin
    }

    let environment: EnvironmentVariables
    let given: [ConfigurationOption: Given]

    /// - Parameters:
    ///   - flags: the command line's values, by option.
    ///   - environment: of the process. `VOLARY_CONFIG` names the file when `file` is nil.
    ///   - file: path of a JSON file: one object with option names.
    /// - Throws: ``ConfigurationError`` for a file that cannot be read, is not a JSON object, or names an unknown option.
    public init(
        flags: [ConfigurationOption: String],
        environment: [String: String],
        file: String?
    ) throws(ConfigurationError) {
        let environment = EnvironmentVariables(environment)
        var given: [ConfigurationOption: Given] = [:]
        if let path = file ?? environment.file {
            let values = try ConfigurationFile.values(path, origin: file == nil ? .variable : .flag)
            for (option, text) in values { given[option] = Given(text: text, origin: .file(path)) }
        }
        for (option, text) in environment.values { given[option] = Given(text: text, origin: .variable) }
        for (option, text) in flags { given[option] = Given(text: text, origin: .flag) }
        self.environment = environment
        self.given = given
    }

    public func load() throws(ConfigurationError) -> NodeConfiguration {
        do throws(ConfigurationError) {
            let configuration = try self.values()
            try Self.checkProtection(configuration)
            return configuration
        } catch {
            var error = error
            if let option = ConfigurationOption(rawValue: error.option) { error.origin = self.origin(of: option) }
            throw error
        }
    }

    /// Logs which environment variables were ignored.
    public func logIgnored(to logger: Logger) { self.environment.logIgnored(to: logger) }

    private func values() throws(ConfigurationError) -> NodeConfiguration {
        NodeConfiguration(
            host: try self.text(.host, allowed: "an address or a name") { $0.isEmpty ? nil : $0 },
            port: try self.integer(.port, 0...65_535),
            tls: try self.tls(),
            name: try self.optional(.nodeName, allowed: "1 to 64 letters, digits, '.', '_' and '-'") {
                Self.isName($0) ? $0 : nil
            },
            threads: try self.optional(.threads, allowed: "a whole number from 1 to 256") { Self.integer($0, 1...256) }
                ?? System.coreCount,
            redis: try self.redis(),
            lease: try self.duration(.lease, .seconds(1)...(.seconds(300))),
            broker: try self.broker(),
            idempotencyBytes: try self.bytes(.idempotencyBytes, (1024 * 1024)...(1024 * 1024 * 1024 * 1024)),
            traceBytes: try self.valueUnlessOff(.traceBytes) { orOff throws(ConfigurationError) in
                try self.bytes(.traceBytes, (64 * 1024)...(1024 * 1024 * 1024), or: orOff)
            },
            announcementsPerSecond: try self.announcements(),
            clientMessages: try self.clientMessages(),
            timestampPrecision: try self.text(.timestampPrecision, allowed: "seconds or milliseconds") {
                Timestamp.Precision(rawValue: $0)
            },
            acceptsUserQuery: try self.isOn(.insecureUserQuery),
            access: try self.access(),
            events: try self.events(),
            maximumMessageBytes: try self.bytes(.maximumMessage, 1...Limits.maximumPayloadBytes),
            maximumRecordBytes: try self.bytes(.maximumRecord, 1024...Limits.maximumPayloadBytes),
            hubCalls: try self.hubCalls(),
            maximumUnsentBytes: try self.bytes(.maximumUnsent, (64 * 1024)...(256 * 1024 * 1024)),
            compresses: try self.isOn(.compression),
            pingInterval: try self.duration(.pingInterval, .seconds(1)...(.seconds(3600))),
            closeTimeout: try self.duration(.closeTimeout, .milliseconds(100)...(.seconds(60))),
            maximumFramesPerMessage: try self.integer(.maximumFrames, 1...1_000_000),
            connectionLimits: try self.connectionLimits(),
            hubLimits: try self.hubLimits(),
            admission: try self.admission(),
            maximumBodyBytes: try self.bytes(.maximumBody, 1024...(64 * 1024 * 1024)),
            maximumHeaderBytes: try self.bytes(.maximumHeader, 1024...(1024 * 1024)),
            maximumHeaderFields: try self.integer(.maximumHeaderFields, 10...1000),
            bodyTimeout: try self.duration(.bodyTimeout, .seconds(1)...(.seconds(600))),
            maximumRequests: try self.integer(.maximumRequests, 1...100_000),
            maximumForwardedRequests: try self.integer(.maximumForwarded, 1...100_000),
            corsOrigins: try self.origins(.corsOrigins) ?? .these([]),
            swaggerAssets: try self.swaggerAssets(),
            http2: try self.http2(),
            maximumStreams: try self.integer(.maximumStreams, 1...10_000),
            handshakeTimeout: try self.duration(.handshakeTimeout, .milliseconds(100)...(.seconds(60))),
            idleTimeout: try self.duration(.idleTimeout, .seconds(1)...(.seconds(3600))),
            drainDelay: try self.duration(.drainDelay, .zero...(.seconds(300))),
            drainTimeout: try self.duration(.drainTimeout, .milliseconds(100)...(.seconds(600))),
            logLevel: try self.text(.logLevel, allowed: "trace, debug, info, notice, warning, error or critical") {
                Logger.Level(rawValue: $0)
            },
            logFormat: try self.text(.logFormat, allowed: "text or json") { NodeConfiguration.LogFormat(rawValue: $0) }
        )
    }

    // MARK: - Values

    func value(_ option: ConfigurationOption) -> String? { self.given[option]?.text ?? option.defaultValue }

    /// Where an option was set.
    func origin(of option: ConfigurationOption) -> ConfigurationError.Origin { self.given[option]?.origin ?? .flag }

    func optional<Value>(
        _ option: ConfigurationOption,
        allowed: String,
        _ parse: (String) -> Value?
    ) throws(ConfigurationError) -> Value? {
        guard let text = self.value(option) else { return nil }
        guard let value = parse(text) else {
            throw ConfigurationError(option: option.rawValue, value: text, allowed: "must be \(allowed)")
        }
        return value
    }

    func text<Value>(
        _ option: ConfigurationOption,
        allowed: String,
        _ parse: (String) -> Value?
    ) throws(ConfigurationError) -> Value {
        guard let value = try self.optional(option, allowed: allowed, parse) else {
            preconditionFailure("an option without a default is read as optional")
        }
        return value
    }

    func integer(
        _ option: ConfigurationOption,
        _ range: ClosedRange<Int>,
        or other: String = ""
    ) throws(ConfigurationError) -> Int {
        try self.text(option, allowed: "a whole number from \(range.lowerBound) to \(range.upperBound)\(other)") {
            Self.integer($0, range)
        }
    }

    func bytes(
        _ option: ConfigurationOption,
        _ range: ClosedRange<Int>,
        or other: String = ""
    ) throws(ConfigurationError) -> Int {
        let allowed = "a size from \(ByteSizeText.format(range.lowerBound)) to \(ByteSizeText.format(range.upperBound))"
        return try self.text(option, allowed: "\(allowed), such as 512, 64KiB or 1MiB\(other)") { text in
            ByteSizeText.parse(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    func duration(
        _ option: ConfigurationOption,
        _ range: ClosedRange<Duration>,
        or other: String = ""
    ) throws(ConfigurationError) -> Duration {
        let allowed = "a time from \(DurationText.format(range.lowerBound)) to \(DurationText.format(range.upperBound))"
        return try self.text(option, allowed: "\(allowed), such as 250ms, 5s or 2m\(other)") { text in
            DurationText.parse(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// - Parameter read: reads a value other than `off`. Its argument is added to error messages and says that `off` is allowed,
    ///   too.
    /// - Returns: nil for `off`.
    func valueUnlessOff<Value>(
        _ option: ConfigurationOption,
        _ read: (_ orOff: String) throws(ConfigurationError) -> Value
    ) throws(ConfigurationError) -> Value? {
        self.value(option) == "off" ? nil : try read(", or off")
    }

    func isOn(_ option: ConfigurationOption) throws(ConfigurationError) -> Bool {
        try self.text(option, allowed: "on or off") { ["on": true, "off": false][$0] }
    }

    func http2() throws(ConfigurationError) -> HTTP2Mode {
        try self.text(.http2, allowed: "tls, on or off") { HTTP2Mode(rawValue: $0) }
    }

    func origins(_ option: ConfigurationOption) throws(ConfigurationError) -> AllowedOrigins? {
        try self.optional(option, allowed: "'*', or origins such as https://app.example.org,capacitor://localhost") {
            AllowedOrigins($0)
        }
    }

    static func integer(_ text: String, _ range: ClosedRange<Int>) -> Int? {
        guard text.allSatisfy({ $0.isASCII && $0.isNumber }), let value = Int(text), range.contains(value) else { return nil }
        return value
    }

    static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == "_" || $0 == "-") }
    }
}
